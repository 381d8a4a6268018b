# The host's iconv knows GB18030; the program carries a table of its own.
GENERATED += $(GEN)/gb18030.h
$(GEN)/gb18030: src/base/gen/gb18030.c
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 $(WARN) -D_GNU_SOURCE -o $@ $<
$(GEN)/gb18030.h: $(GEN)/gb18030
	@echo 'gen $(@F)'
	@$< >$@.tmp && mv $@.tmp $@
