"""Pure: (policy, world, now) to plan. Imports models only; a test walks the imports."""
