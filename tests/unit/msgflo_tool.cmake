# The graph library and the msgflo tool.
unit_test(fbp LIBRARIES msgflo_graph)
unit_test(graph_json LIBRARIES msgflo_graph)
unit_test(bindings LIBRARIES msgflo_graph)
unit_test(library LIBRARIES msgflo_graph)
unit_test(draw LIBRARIES msgflo_graph)

unit_test(foreign LIBRARIES msgflo_parts PkgConfig::JANSSON)
unit_test(top_view LIBRARIES msgflo_parts PkgConfig::JANSSON)
unit_test(terminal LIBRARIES msgflo_parts)
unit_test(children LIBRARIES msgflo_parts)
unit_test(msgflo_tool)
add_dependencies(test_msgflo_tool msgflo_tool)
target_compile_definitions(test_msgflo_tool PRIVATE MSGFLO_TOOL="$<TARGET_FILE:msgflo_tool>")

# checked_in(NAME FILE ARGS...): FILE is what `msgflo ARGS` prints, so that whoever changes the
# graph is told to make it again.
function(checked_in name file)
  add_test(NAME unit_${name}
    COMMAND ${CMAKE_COMMAND} -DMSGFLO=$<TARGET_FILE:msgflo_tool> -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
            -DFILE=${file} "-DARGS=${ARGN}" -P ${CMAKE_CURRENT_SOURCE_DIR}/checked_in.cmake)
  set_tests_properties(unit_${name} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()
checked_in(procfile Procfile procfile graphs/imageresize.fbp --library graphs/components.json
           --include "release: bin/deploy")
checked_in(graph_picture docs/graph.svg graph graphs/imageresize.fbp --format svg)
