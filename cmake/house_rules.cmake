# house_rules: the warnings and sanitizers every target of ours is built with, as one INTERFACE
# target. Warnings are errors in the dev presets (HOUSE_WERROR=ON) and never in a release, so that
# a newer compiler's new warning cannot break somebody's deployment.
option(HOUSE_WERROR "Warnings are errors" OFF)
set(HOUSE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

add_library(house_rules INTERFACE)
target_compile_definitions(house_rules INTERFACE _GNU_SOURCE)
target_compile_options(house_rules INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wcast-qual -Wundef -Wwrite-strings -Wpointer-arith -Wformat=2 -Wvla
  -Wimplicit-fallthrough -Wnull-dereference -fno-common -fstack-protector-strong)
# Not under sanitizers: what they add to the code makes gcc's flow warnings (format-truncation,
# null-dereference, maybe-uninitialized) see faults that are not there.
if(HOUSE_WERROR AND NOT HOUSE_SANITIZE)
  target_compile_options(house_rules INTERFACE -Werror)
endif()
if(HOUSE_SANITIZE)
  target_compile_options(house_rules INTERFACE -fsanitize=${HOUSE_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(house_rules INTERFACE -fsanitize=${HOUSE_SANITIZE})
endif()
