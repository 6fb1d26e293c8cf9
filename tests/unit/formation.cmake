# test_formation drives the real program, and so is told where it is.
unit_test(formation_procfile LIBRARIES formation_parts)
unit_test(formation LIBRARIES test_support)
target_compile_definitions(test_formation PRIVATE FORMATION="$<TARGET_FILE:formation>")
add_dependencies(test_formation formation)
