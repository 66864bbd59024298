# make install and make uninstall, by the GNU names of directories: prefix,
# bindir, sbindir, datadir, and DESTDIR before all of them. It installs what make
# build makes; where there is no Go, as root often has none, what it made before.

GO ?= go
builddir ?= build
prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
sbindir ?= $(exec_prefix)/sbin
datadir ?= $(prefix)/share
# Where systemd looks, whether prefix is /usr or /usr/local.
systemdsystemunitdir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
# polkit before 124 looks nowhere else.
polkitdir ?= /usr/share/polkit-1/actions
bashcompletiondir ?= $(datadir)/bash-completion/completions
zshcompletiondir ?= $(datadir)/zsh/site-functions
fishcompletiondir ?= $(datadir)/fish/vendor_completions.d

INSTALL ?= install
from := packaging/linux
policy := platform/authorize/io.github.culvert.policy
units := culvertd.service culvertd.socket culvertd-hold.service
d := $(DESTDIR)

# Nothing of the running system is touched where the files are for another one.
live := $(and $(if $(DESTDIR),,yes),$(wildcard /run/systemd/system))

.PHONY: install uninstall completions programs

install: programs
	$(INSTALL) -d $(d)$(bindir) $(d)$(sbindir) $(d)$(systemdsystemunitdir) $(d)$(sysusersdir) $(d)$(polkitdir)
	$(INSTALL) -m 755 $(builddir)/culvert $(d)$(bindir)/culvert
	$(INSTALL) -m 755 $(builddir)/culvertd $(d)$(sbindir)/culvertd
	@for u in $(units); do \
	  echo "$(systemdsystemunitdir)/$$u"; \
	  sed 's|/usr/sbin/culvertd|$(sbindir)/culvertd|' $(from)/$$u >$(d)$(systemdsystemunitdir)/$$u && \
	  chmod 644 $(d)$(systemdsystemunitdir)/$$u || exit 1; \
	done
	$(INSTALL) -m 644 $(from)/culvert.sysusers $(d)$(sysusersdir)/culvert.conf
	$(INSTALL) -m 644 $(policy) $(d)$(polkitdir)/io.github.culvert.policy
	@$(MAKE) --no-print-directory -f $(from)/install.mk completions
	$(if $(live),systemd-sysusers $(sysusersdir)/culvert.conf && systemctl daemon-reload)
	$(if $(live),@echo "Now: systemctl enable --now culvertd.socket culvertd.service; and for each user: usermod -aG culvert USER")

# What this culvert has; one for another system cannot be asked.
completions:
	@complete() { text=$$($(builddir)/culvert completion $$1 2>/dev/null) && [ -n "$$text" ] || return 0; \
	  $(INSTALL) -d "$(d)$$2" && printf '%s\n' "$$text" >"$(d)$$2/$$3" && chmod 644 "$(d)$$2/$$3" && echo "$$2/$$3"; }; \
	complete bash $(bashcompletiondir) culvert && complete zsh $(zshcompletiondir) _culvert && complete fish $(fishcompletiondir) culvert.fish

programs:
	@[ $(builddir) != build ] || ! command -v $(GO) >/dev/null || $(MAKE) --no-print-directory build
	@[ -x $(builddir)/culvert ] && [ -x $(builddir)/culvertd ] || { echo "make install: no programs in $(builddir)/: make build" >&2; exit 1; }

# The service first: no kill switch may be left that nobody can open any more.
uninstall:
	$(if $(live),-systemctl disable --now culvertd.socket culvertd.service culvertd-hold.service)
	$(if $(live),-$(sbindir)/culvertd --restore)
	rm -f $(d)$(bindir)/culvert $(d)$(sbindir)/culvertd $(foreach u,$(units),$(d)$(systemdsystemunitdir)/$(u))
	rm -f $(d)$(sysusersdir)/culvert.conf $(d)$(polkitdir)/io.github.culvert.policy
	rm -f $(d)$(bashcompletiondir)/culvert $(d)$(zshcompletiondir)/_culvert $(d)$(fishcompletiondir)/culvert.fish
	$(if $(live),systemctl daemon-reload)
