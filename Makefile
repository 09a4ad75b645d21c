# A thin wrapper: every target is a command of installers/dev.py, which also works without make.
# Arguments for the last command go in ARGS: make test ARGS="-k fit"
.DEFAULT_GOAL := help
.PHONY: run test setup check static tidy bench-engine bench-fit bench-gui bench-hub probes screenshots lock system help

run test setup check static tidy bench-engine bench-fit bench-gui bench-hub probes screenshots lock system help:
	@python3 installers/dev.py $@ $(ARGS)
