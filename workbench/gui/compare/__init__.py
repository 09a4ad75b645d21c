"""The parts of the Compare page: panes, model picker, composer, options, recent conversations."""
