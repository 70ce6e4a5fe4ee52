"""Simulated radio fields: morphologies, beams, noise, sidelobes, and labels measured as Radio Galaxy Zoo does."""
