# The graph library and the msgflo tool.
unit_test(fbp LIBRARIES msgflo_graph)
