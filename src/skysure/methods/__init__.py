"""Methods, written once: functions of tensors that know no application."""
