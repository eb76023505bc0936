# SPDX-License-Identifier: Apache-2.0
# What natsh does without a script: ::natsh::Loop reads commands from the standard input.

namespace eval ::natsh {
    # Tells an error on stderr.
    proc Complain {text} {
        catch {
            puts stderr $text
            flush stderr
        }
    }

    # The next line of the standard input into the variable; false at its end.
    proc Line {prompt variable} {
        upvar 1 $variable line
        if {!$::tcl_interactive} {
            return [expr {[gets stdin line] >= 0}]
        }
        variable answer
        unset -nocomplain answer
        readline $prompt
        # Events are served while somebody types.
        vwait ::natsh::answer
        lassign $answer kind line
        return [expr {$kind ne "end"}]
    }

    # The prompt: tcl_prompt1 or tcl_prompt2 may write one of their own.
    proc Prompt {continued} {
        if {!$::tcl_interactive} {
            return ""
        }
        set variable ::tcl_prompt[expr {$continued ? 2 : 1}]
        if {[info exists $variable]} {
            if {[catch {uplevel #0 [set $variable]} message]} {
                Complain "$message\n    (script that generates prompt)"
            } else {
                flush stdout
                return ""
            }
        }
        return [expr {$continued ? "" : "% "}]
    }

    # Reads commands and runs them. An error is told, and goes on.
    proc Loop {} {
        set command ""
        if {$::tcl_interactive} {
            set ::tcl_rcFileName ~/.tclshrc
            if {[file readable $::tcl_rcFileName]} {
                if {[catch {uplevel #0 [list source $::tcl_rcFileName]} message options]} {
                    Complain [dict get $options -errorinfo]
                }
            }
        }
        while {[Line [Prompt [expr {$command ne ""}]] line]} {
            append command $line \n
            if {![info complete $command]} {
                continue
            }
            set now [string range $command 0 end-1]
            set command ""
            if {[string trim $now] eq ""} {
                continue
            }
            if {$::tcl_interactive} {
                history add $now
            }
            set code [catch {uplevel #0 $now} result]
            if {$code == 1 || $code > 4} {
                Complain $result
            } elseif {$::tcl_interactive && $result ne ""} {
                puts stdout $result
                flush stdout
            }
        }
        if {$::tcl_interactive} {
            puts ""
        }
        exit
    }
}
