include src/base/gen/gb18030.mk
include src/base/gen/divisions.mk
include src/base/gen/initials.mk
