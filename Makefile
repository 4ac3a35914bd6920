# The commands of the project; README.md says what each is for.
SHELL := /bin/bash

.PHONY: demo test check soak bench deb images

demo:
	@scripts/demo.sh

check:
	@scripts/check.sh

test:
	@scripts/test.sh

soak:
	@scripts/soak.sh

bench:
	@scripts/bench.sh

deb:
	@scripts/deb.sh $(ARCH)

images:
	@scripts/images.sh
