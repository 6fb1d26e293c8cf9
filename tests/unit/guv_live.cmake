unit_test(guv_platform LIBRARIES guv_live)
unit_test(guv_report LIBRARIES guv_live)
# Decides by a script of its own, against a broker and a platform of its own.
unit_test(guv_governor LIBRARIES guv_live PkgConfig::MICROHTTPD PkgConfig::JANSSON)
target_link_options(test_guv_governor PRIVATE -Wl,--wrap=clock_mono_ms) # that jumps
