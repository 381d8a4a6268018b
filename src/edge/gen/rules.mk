# packed.h: long texts that the binary holds, as gzip makes them: connectors, their manual, the API's description. What
# includes it is compiled again when one of them changes.
CONNECTORS := $(sort $(foreach e,channel messenger factory carrier,$(wildcard examples/connectors/*.$e)))
packed_name = gz_$(subst .,_,$(subst -,_,$(notdir $1)))
GENERATED += $(GEN)/packed.h
packed = echo "static const unsigned char $1[] = {"; gzip -9nc $2 | od -An -v -tu1 | sed 's/\([0-9]\)\( \|$$\)/\1,\2/g'; echo '};'
$(GEN)/packed.h: $(CONNECTORS) src/edge/connector_help.txt src/edge/openapi.json src/edge/gen/rules.mk
	@mkdir -p $(@D)
	@{ $(foreach f,$(CONNECTORS),$(call packed,$(call packed_name,$f),$f);) \
	  $(call packed,gz_connector_help,src/edge/connector_help.txt); $(call packed,gz_openapi,src/edge/openapi.json); \
	  echo '#define CONNECTORS_MAP(X) \'; \
	  $(foreach f,$(CONNECTORS),echo '  X("$(basename $(notdir $f))", "$(patsubst .%,%,$(suffix $f))", $(call packed_name,$f)) \';) echo; } >$@.$$$$; \
	mv $@.$$$$ $@

# demo_orders.h: what the demo takes from its files.
DEMO_ORDERS := till.ndjson shop-demo.ndjson tmall-demo.ndjson tmall-demo.csv
GENERATED += $(GEN)/demo_orders.h
$(GEN)/demo_orders.h: $(DEMO_ORDERS:%=examples/orders/%) src/edge/gen/rules.mk
	@mkdir -p $(@D)
	@{ $(foreach f,$(DEMO_ORDERS),$(call packed,gz_$(subst .,_,$(subst -,_,$f)),examples/orders/$f);) } >$@.$$$$; mv $@.$$$$ $@

# console.h: the page, its modules and styles, compressed.
CONSOLE_FILES := $(wildcard src/console/* src/console/*/*)
GENERATED += $(GEN)/console.h
$(GEN)/console.h: src/edge/gen/console.mjs $(CONSOLE_FILES) $(TP)/ready
	@mkdir -p $(@D)
	node $< src/console $(TP)/page >$@.$$$$ && mv $@.$$$$ $@
