# initials.h: the first letter of each ideograph's reading.
GENERATED += $(GEN)/initials.h
$(GEN)/initials.h: src/base/gen/initials.mjs $(TP)/ready
	@mkdir -p $(@D)
	node $< >$@.$$$$ && mv $@.$$$$ $@
