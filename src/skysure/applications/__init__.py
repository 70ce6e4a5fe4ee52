"""The applications that ship; see `skysure.application` for what an application is."""
