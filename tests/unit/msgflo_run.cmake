# What `msgflo run` serves and saves.
unit_test(ws_handshake LIBRARIES msgflo_run)
unit_test(ws_server LIBRARIES msgflo_run)
target_link_options(test_ws_server PRIVATE -Wl,--wrap=clock_mono_ms) # the test's own clock
unit_test(run_page LIBRARIES msgflo_run)
unit_test(graph_file LIBRARIES msgflo_run)
