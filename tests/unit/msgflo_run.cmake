# What `msgflo run` serves and saves.
unit_test(ws_handshake LIBRARIES msgflo_run)
foreach(name ws_server ws_server_ends)
  unit_test(${name} SOURCES ../support/ws_echo.c LIBRARIES msgflo_run)
  target_link_options(test_${name} PRIVATE -Wl,--wrap=clock_mono_ms) # the tests' own clock
endforeach()
unit_test(run_page LIBRARIES msgflo_run)
unit_test(graph_file LIBRARIES msgflo_run)
