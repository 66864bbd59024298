# make install and make uninstall, by the GNU names of directories: prefix,
# bindir, sbindir, libexecdir, datadir, and DESTDIR before all of them. It installs what make
# build makes; where there is no Go, as root often has none, what it made before.
# The desktop is installed where make desktop has built it; desktop=no leaves it
# out, desktop=yes insists.

GO ?= go
builddir ?= build
prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
sbindir ?= $(exec_prefix)/sbin
datadir ?= $(prefix)/share
libexecdir ?= $(exec_prefix)/libexec
# Where systemd looks, whether prefix is /usr or /usr/local.
systemdsystemunitdir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
# polkit before 124 looks nowhere else.
polkitdir ?= /usr/share/polkit-1/actions
bashcompletiondir ?= $(datadir)/bash-completion/completions
zshcompletiondir ?= $(datadir)/zsh/site-functions
fishcompletiondir ?= $(datadir)/fish/vendor_completions.d

# yes, no, or auto: where it is built.
desktop ?= auto

INSTALL ?= install
from := packaging/linux
policy := platform/authorize/io.github.culvert.policy
units := culvertd.service culvertd.socket culvertd-hold.service
d := $(DESTDIR)
id := io.github.culvert
applications := $(datadir)/applications
metainfo := $(datadir)/metainfo
mime := $(datadir)/mime
icons := $(datadir)/icons/hicolor
sizes := 16 22 24 32 48 64 128 256 512

# Nothing of the running system is touched where the files are for another one.
live := $(and $(if $(DESTDIR),,yes),$(wildcard /run/systemd/system))

.PHONY: install uninstall completions programs window caches

install: programs
	$(INSTALL) -d $(d)$(bindir) $(d)$(sbindir) $(d)$(libexecdir)/culvert $(d)$(systemdsystemunitdir) $(d)$(sysusersdir) $(d)$(polkitdir)
	$(INSTALL) -m 755 $(builddir)/culvert $(d)$(bindir)/culvert
	$(INSTALL) -m 755 $(builddir)/culvertd $(d)$(sbindir)/culvertd
	@for u in $(units); do \
	  echo "$(systemdsystemunitdir)/$$u"; \
	  sed 's|/usr/sbin/culvertd|$(sbindir)/culvertd|' $(from)/$$u >$(d)$(systemdsystemunitdir)/$$u && \
	  chmod 644 $(d)$(systemdsystemunitdir)/$$u || exit 1; \
	done
	$(INSTALL) -m 644 $(from)/culvert.sysusers $(d)$(sysusersdir)/culvert.conf
	$(INSTALL) -m 755 $(from)/culvert-admin $(d)$(libexecdir)/culvert/culvert-admin
	@echo "$(polkitdir)/io.github.culvert.policy"
	@sed 's|/usr/libexec/culvert/|$(libexecdir)/culvert/|' $(policy) >$(d)$(polkitdir)/io.github.culvert.policy && chmod 644 $(d)$(polkitdir)/io.github.culvert.policy
	@$(MAKE) --no-print-directory -f $(from)/install.mk completions
	@case $(desktop) in no) ;; *) \
	  if [ -x $(builddir)/culvert-desktop ]; then $(MAKE) --no-print-directory -f $(from)/install.mk window; \
	  else echo "Without the desktop: make desktop builds it, with a C compiler."; fi ;; esac
	$(if $(live),systemd-sysusers $(sysusersdir)/culvert.conf && systemctl daemon-reload)
	$(if $(live),@echo "Now: systemctl enable --now culvertd.socket culvertd.service; and for each user: usermod -aG culvert USER")

# The desktop, and what has panels, menus and file managers know of it.
window:
	$(INSTALL) -d $(d)$(bindir) $(d)$(applications) $(d)$(metainfo) $(d)$(mime)/packages
	$(INSTALL) -m 755 $(builddir)/culvert-desktop $(d)$(bindir)/culvert-desktop
	@echo "$(applications)/$(id).desktop"
	@sed 's|/usr/bin/culvert-desktop|$(bindir)/culvert-desktop|' $(from)/$(id).desktop >$(d)$(applications)/$(id).desktop && chmod 644 $(d)$(applications)/$(id).desktop
	$(INSTALL) -m 644 $(from)/$(id).metainfo.xml $(d)$(metainfo)/$(id).metainfo.xml
	$(INSTALL) -m 644 $(from)/$(id).mime.xml $(d)$(mime)/packages/$(id).xml
	@for n in $(sizes); do \
	  $(INSTALL) -d $(d)$(icons)/$${n}x$$n/apps && $(INSTALL) -m 644 packaging/icons/culvert-$$n.png $(d)$(icons)/$${n}x$$n/apps/$(id).png || exit 1; \
	done; echo "$(icons)/*/apps/$(id).png"
	$(INSTALL) -d $(d)$(icons)/scalable/apps $(d)$(icons)/symbolic/apps
	$(INSTALL) -m 644 assets/icons/culvert.svg $(d)$(icons)/scalable/apps/$(id).svg
	$(INSTALL) -m 644 assets/icons/culvert-mono.svg $(d)$(icons)/symbolic/apps/$(id)-symbolic.svg
	$(if $(DESTDIR),,@$(MAKE) --no-print-directory -f $(from)/install.mk caches)

# What desktops look into instead of the files. A cache of icons is not begun: who
# installs there later may not renew it.
caches:
	@run() { ! command -v "$$1" >/dev/null || "$$@" || echo "$$1 failed: the desktop may not show the change" >&2; }; \
	[ ! -d $(applications) ] || run update-desktop-database -q $(applications); \
	[ ! -d $(mime)/packages ] || run update-mime-database $(mime); \
	[ ! -d $(icons) ] || { touch $(icons); [ ! -e $(icons)/icon-theme.cache ] || run gtk-update-icon-cache -q -f -t $(icons); }

# What this culvert has; one for another system cannot be asked.
completions:
	@complete() { text=$$($(builddir)/culvert completion $$1 2>/dev/null) && [ -n "$$text" ] || return 0; \
	  $(INSTALL) -d "$(d)$$2" && printf '%s\n' "$$text" >"$(d)$$2/$$3" && chmod 644 "$(d)$$2/$$3" && echo "$$2/$$3"; }; \
	complete bash $(bashcompletiondir) culvert && complete zsh $(zshcompletiondir) _culvert && complete fish $(fishcompletiondir) culvert.fish

# A desktop that is there is brought up to date: it and the helper compare versions.
programs:
	@[ $(builddir) != build ] || ! command -v $(GO) >/dev/null || $(MAKE) --no-print-directory build \
	  $$([ $(desktop) = no ] || [ ! -e build/culvert-desktop ] || echo desktop)
	@[ -x $(builddir)/culvert ] && [ -x $(builddir)/culvertd ] || { echo "make install: no programs in $(builddir)/: make build" >&2; exit 1; }
	@[ $(desktop) != yes ] || [ -x $(builddir)/culvert-desktop ] || { echo "make install: no culvert-desktop in $(builddir)/: make desktop" >&2; exit 1; }

# The service first: no kill switch may be left that nobody can open any more.
uninstall:
	$(if $(live),-systemctl disable --now culvertd.socket culvertd.service culvertd-hold.service)
	$(if $(live),-$(sbindir)/culvertd --restore)
	rm -f $(d)$(bindir)/culvert $(d)$(sbindir)/culvertd $(foreach u,$(units),$(d)$(systemdsystemunitdir)/$(u))
	rm -f $(d)$(libexecdir)/culvert/culvert-admin $(d)$(sysusersdir)/culvert.conf $(d)$(polkitdir)/io.github.culvert.policy
	-@rmdir $(d)$(libexecdir)/culvert 2>/dev/null || true
	rm -f $(d)$(bashcompletiondir)/culvert $(d)$(zshcompletiondir)/_culvert $(d)$(fishcompletiondir)/culvert.fish
	rm -f $(d)$(bindir)/culvert-desktop $(d)$(applications)/$(id).desktop $(d)$(metainfo)/$(id).metainfo.xml $(d)$(mime)/packages/$(id).xml
	rm -f $(foreach n,$(sizes),$(d)$(icons)/$(n)x$(n)/apps/$(id).png) $(d)$(icons)/scalable/apps/$(id).svg $(d)$(icons)/symbolic/apps/$(id)-symbolic.svg
	$(if $(DESTDIR),,@$(MAKE) --no-print-directory -f $(from)/install.mk caches)
	$(if $(live),systemctl daemon-reload)
