# One line a target; everything lives in .venv and build, nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml setup.py $(wildcard native/*.py native/src/*.c native/include/chiplink/*.h)
FUZZ_SECONDS ?= 30
PARALLEL ?= --numprocesses $$((2 * $$(nproc))) --dist worksteal
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-ha lint lint-ha sanitize fuzz bench wheel install uninstall clean format

run: $(VENV)/run.stamp; @$(BIN)/chiplink demo $(DEMO)
test: $(VENV)/test.stamp; @tests/native/run test && $(BIN)/python -m pytest $(if $(PYTEST),$(PYTEST),$(PARALLEL)) $(if $(PYTEST),,&& tests/homeassistant/run)
test-ha: $(VENV)/run.stamp; @tests/homeassistant/run $(PYTEST)
lint: $(VENV)/lint.stamp; @$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy && $(BIN)/clang-format --dry-run -Werror $(wildcard native/src/*.c native/include/chiplink/*.h tests/native/*.c tests/native/*.h)
lint-ha: $(VENV)/lint.stamp; @tests/homeassistant/lint
sanitize: ; @tests/native/run sanitize
fuzz: ; @tests/native/run fuzz $(FUZZ_SECONDS)
bench: $(VENV)/test.stamp; @$(BIN)/python -m tests.bench $(BENCH)
wheel: $(VENV)/run.stamp; @$(BIN)/pip -q wheel --no-deps -w dist .
install: ; @install/install
uninstall: ; @install/uninstall
format: $(VENV)/lint.stamp; @$(BIN)/ruff check -q --fix && $(BIN)/ruff format -q && $(BIN)/clang-format -i $(wildcard native/src/*.c native/include/chiplink/*.h tests/native/*.c tests/native/*.h)
clean: ; rm -rf build dist $(VENV) bridge/*.egg-info bridge/chiplink/_native*

$(VENV)/bin/pip: ; @$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "make: sudo apt install git make gcc python3-dev python3-venv" >&2; exit 1; }
$(VENV)/run.stamp: $(VENV)/bin/pip $(SOURCES); @echo "building chiplink in $(VENV) …" && $(BIN)/pip -q install -e . && $(BIN)/python -m chiplink.demo.mosquitto >/dev/null && touch $@
$(VENV)/test.stamp: $(VENV)/run.stamp; @echo "installing what the tests need …" && $(BIN)/pip -q install -e '.[test]' && touch $@
$(VENV)/lint.stamp: $(VENV)/test.stamp; @echo "installing the linters …" && $(BIN)/pip -q install -e '.[test,lint]' && touch $@
