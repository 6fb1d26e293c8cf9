# The graph library and the msgflo tool.
unit_test(fbp LIBRARIES msgflo_graph)

# The Procfile is the graph's: whoever changes one of them is told by this.
add_test(NAME unit_procfile
  COMMAND ${CMAKE_COMMAND} -DMSGFLO=$<TARGET_FILE:msgflo_tool> -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
          -P ${CMAKE_CURRENT_SOURCE_DIR}/procfile.cmake)
set_tests_properties(unit_procfile PROPERTIES LABELS unit TIMEOUT 60)
