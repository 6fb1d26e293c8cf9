# embed_text(TARGET HEADER FILE...): makes HEADER with one `static const char NAME[]` for each text
# file, NAME being the file's name with every character that C does not take turned into `_`, and
# puts its folder on TARGET's include path. SQL and the first page are built in this way, so that a
# program needs no file beside it at run time.
function(embed_text target header)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded/${header})
  set(files)
  foreach(file IN LISTS ARGN)
    get_filename_component(path ${file} ABSOLUTE)
    list(APPEND files ${path})
  endforeach()
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} "-DFILES=${files}"
            -P ${PROJECT_SOURCE_DIR}/cmake/embed_text_run.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed_text_run.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/embedded)
endfunction()
