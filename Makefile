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

# `make bench`, `make bench store`, `make bench PART="parked wake"`.
BENCH_PARTS := parked drained wake handshake agent edge ingest fleet programs store
bench:
	@scripts/bench.sh $(PART) $(filter $(BENCH_PARTS),$(MAKECMDGOALS))
.PHONY: $(BENCH_PARTS)
$(BENCH_PARTS): ; @:

deb:
	@scripts/deb.sh $(ARCH)

images:
	@scripts/images.sh
