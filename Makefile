# `make repro` runs the whole experiment, `make test` all tests, `make check` the fast ones. Each sets itself up first.
# The first Python of these that is here; `make PYTHON=/path/to/python3.12` names another. dvc.lock was made with 3.11.
PYTHON ?= $(firstword $(foreach minor,11 12 13,$(shell command -v python3.$(minor) 2>/dev/null)))
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro exps study sizes results mt-cost ablation rivals check test types tests speed golden fuzz drills requirements ui setup
repro: setup  # the experiment, then whether it gave the committed results again: a line, no failure of the run
	dvc repro
	@babelmix verify || true

# Of every commit that experiments start from. A column that is not named here would be one of hundreds: all settings,
# and the hashes of all files.
COLUMNS := Experiment objective benchmark pool cross mono gain seed model.size train.steps non_embedding_parameters
exps: setup  # all DVC experiments side by side: size, objective, seed, and the main score; 100 columns
	@dvc exp show --csv --precision 6 --hide-workspace --hide-queued --hide-failed --drop '.*' \
	  $(foreach column,$(COLUMNS),--keep '$(column)$$') \
	  $$(git for-each-ref --format='%(refname)' 'refs/exps/??/*/*' | sed 's|refs/exps/\(..\)/\([^/]*\).*|--rev=\1\2|' | sort -u) \
	  | python scripts/experiments.py

study: setup  # the study over sizes: what is missing of it, a day and a half in all; goes on where it stopped
	babelmix study

sizes: setup  # XQuAD-R at three sizes with the code at hand, seed 13, and their figure; half an hour after make repro
	for size in small base large; do dvc exp run --temp -n size-$$size \
	  -S model.size=$$size -S 'benchmarks=[xquad-r]' || exit 1; done
	babelmix compare --benchmark xquad-r --name sizes --into docs/results/sizes.md --figure docs/figures/size.svg \
	  size-small size-base size-large

results: setup  # the tables of docs/results: three sizes, seeds where they are cheap; hours
	dvc exp run --queue -S 'model.size=small,base,large' -S 'benchmarks=[xquad-r,nfcorpus]'
	dvc exp run --queue -S 'model.size=small,base' -S 'seed=14,15' -S 'benchmarks=[xquad-r]'
	dvc exp run --run-all
	babelmix compare --benchmark xquad-r --into docs/results/xquad-r.md
	babelmix compare --benchmark nfcorpus --into docs/results/nfcorpus.md

mt-cost: setup  # what machine translation costs: the same units by people and by machine, three seeds; an hour
	for seed in 13 14 15; do dvc exp run --temp -n mt-$$seed -S seed=$$seed -S 'benchmarks=[xquad-r]' \
	  -S 'objectives=[hybrid-human,hybrid-machine]' -S 'pairs.languages=[en,pt,es,fr,it]' \
	  -S 'translate.languages=[pt,es,fr,it]' -S translate.max_pairs=null || exit 1; done
	babelmix compare --benchmark xquad-r --name mt-cost --into docs/results/mt-cost.md mt-13 mt-14 mt-15

ablation: setup  # what a teacher adds to plain hybrid, and how much of it is the share of batches; forty minutes
	for run in small-13 base-13; do dvc exp run --temp -n ablation-$$run \
	  -S model.size=$${run%-*} -S seed=$${run#*-} -S 'benchmarks=[xquad-r]' -S 'model.teachers=[large]' \
	  -S 'objectives=[hybrid,distilled,two-languages,three-quarters]' || exit 1; done
	babelmix compare --benchmark xquad-r --name ablation --into docs/results/teacher.md \
	  ablation-small-13 ablation-base-13

# One seed of each size, every recipe with 6 layers. RIVALS_SEED=14 and 15 make more; `babelmix rivals` takes all names.
RIVALS_SEED := 13
LEADERS := contrastive,hybrid,crosslingual
TWICE := $(LEADERS),hybrid-twice
RECIPES := $(TWICE),within,distilled-first,consistent
AVERAGES := hybrid-start,crosslingual-start,contrastive-crosslingual
POOLS := xquad-r,native,native-dev
BEIR := $(POOLS),nfcorpus,scifact
rival = dvc exp run --temp -n rivals-$(1)-$(RIVALS_SEED) -S model.size=$(2) -S seed=$(RIVALS_SEED) -S 'model.teachers=[large]' \
  -S 'objectives=[$(3)]' -S 'averages=[$(4)]' -S 'benchmarks=[$(5)]'
rivals: setup  # what beats plain hybrid at equal compute: recipes, averages, free debiasing; an hour and a half
	$(call rival,small,small,$(TWICE),crosslingual-start,$(POOLS))
	$(call rival,base,base,$(RECIPES),$(AVERAGES),$(POOLS))
	$(call rival,large,large,$(LEADERS),crosslingual-start,$(POOLS))
	$(call rival,beir,base,$(LEADERS),,$(BEIR))
	babelmix rivals --into docs/results/rivals.md --figure docs/figures/trade-off.svg \
	  rivals-small-$(RIVALS_SEED) rivals-base-$(RIVALS_SEED) rivals-large-$(RIVALS_SEED)
	babelmix rivals --into docs/results/rivals-beir.md rivals-beir-$(RIVALS_SEED)

check: setup  # style, types and the fast tests
	ruff check .
	ruff format --check .
	@$(MAKE) --no-print-directory -j 2 types tests MARKERS="not slow and not pipeline and not network"

test: setup  # the same with all tests
	ruff check .
	ruff format --check .
	@$(MAKE) --no-print-directory -j 2 types tests

types: setup
	pyright

tests: setup  # two processes, each with whole files: fixtures of a file are made once
	pytest -n 2 --dist loadfile --no-loadscope-reorder $(if $(MARKERS),-m "$(MARKERS)")

speed: setup  # ratios to named opponents in the same run, one table; pip install -e '.[export,speed]' adds opponents
	pytest tests/speed --benchmark-enable --benchmark-only --benchmark-quiet

drills: setup  # nine stages and an index killed, torn, refused and out of disk at every point of writing; a quarter of an hour
	BABELMIX_DRILLS=every pytest -q tests/drills

golden: setup  # renews tests/golden/expected.yaml and shows what changed
	BABELMIX_GOLDEN=renew pytest -q tests/golden
	git diff --stat --patch tests/golden/expected.yaml

fuzz: setup  # 200,000 odd inputs for every reader, some minutes; make fuzz SEED=7 INPUTS=20000 for the same ones again
	python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(INPUTS),--inputs $(INPUTS))

requirements: setup  # compiles requirements.txt, with hashes; make requirements UPGRADE=1 takes newer versions
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-package babelmix --no-emit-package torch \
	  --custom-compile-command "make requirements" $(if $(UPGRADE),--upgrade) requirements.in --output-file requirements.txt

ui: setup  # MLflow on loopback, at the charts of all runs: the study's if it has any
	babelmix ui

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.txt requirements-torch.txt pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { echo "babelmix needs Python 3.11, 3.12 or 3.13: install one, or say make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "setting up $(VENV), a minute or two the first time"
	@"$(PYTHON)" -m venv --clear $(VENV) || { echo "no venv module: on Debian or Ubuntu, apt-get install python3-venv" >&2; exit 2; }
	@$(VENV)/bin/python scripts/install.py
	@# Compiled once, on all cores: where PYTHONDONTWRITEBYTECODE is set, every stage would compile torch anew.
	@$(VENV)/bin/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@
