# Counts the tests in the output of `ctest -V`: every one of cmocka's and of Node.js's (TAP), and one
# for a program that reports none. Prints "PASSED FAILED SKIPPED" and then, of each program that
# failed, ctest's number and name.

/^[0-9]+: / {
    n = $1 + 0
    if (/\[       OK \] /)
        passed[n]++
    else if (/\[  FAILED  \] / && !/ test\(s\)/)
        failed[n] += !seen[$0]++ # cmocka names it again in its summary
    else if (/\[  SKIPPED \] / && !/ test\(s\)/)
        skipped[n] += !seen[$0]++
    else if (/^[0-9]+: # pass [0-9]+$/)
        passed[n] += $NF
    else if (/^[0-9]+: # (fail|cancelled) [0-9]+$/)
        failed[n] += $NF
    else if (/^[0-9]+: # (skipped|todo) [0-9]+$/)
        skipped[n] += $NF
}

/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    match($0, /#[0-9]+: /)
    n = substr($0, RSTART + 1, RLENGTH - 3) + 0
    split(substr($0, RSTART + RLENGTH), word, " ")
    name[n] = word[1]
    well[n] = / Passed /
}

END {
    for (n in name) {
        if (well[n] && !passed[n] && !failed[n] && !skipped[n])
            passed[n] = 1
        if (!well[n] && !failed[n])
            failed[n] = 1 # it crashed, hung, or failed beside its tests
        p += passed[n]
        f += failed[n]
        s += skipped[n]
    }
    print p + 0, f + 0, s + 0
    for (n in name)
        if (failed[n])
            print n, name[n]
}
