# connectors.h: the files of examples/connectors/, put into the binary. Their sums stand in it, so that what
# includes it is compiled again when one of them changes.
CONNECTORS := $(sort $(wildcard examples/connectors/*.channel))
GENERATED += $(GEN)/connectors.h
$(GEN)/connectors.h: FORCE
	@mkdir -p $(@D)
	@{ for f in $(CONNECTORS); do n=$$(basename $$f .channel); s=asset_connector_$$(echo $$n | tr - _); \
	  echo "/* $$(cksum <$$f) */"; echo "ASSET($$s, \"$$f\");"; echo "extern const char $$s[];"; done; \
	echo '#define CONNECTORS_MAP(X) \'; \
	for f in $(CONNECTORS); do n=$$(basename $$f .channel); \
	  echo "  X(\"$$n\", asset_connector_$$(echo $$n | tr - _)) \\"; done; echo; } >$@.$$$$; \
	if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi
