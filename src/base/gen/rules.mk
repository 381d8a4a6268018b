include src/base/gen/gb18030.mk
