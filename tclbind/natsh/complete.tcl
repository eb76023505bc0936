# SPDX-License-Identifier: Apache-2.0
# What the Tab key completes at natsh's prompt: commands, variables, methods of objects, their options and
# the values of these, names of files.

namespace eval ::natsh {
    # Completes the line of ::natsh::typed, a list of the line and the place of the cursor in it, and tells
    # the editor by ::natsh::completed.
    proc Complete {} {
        variable typed
        lassign $typed line at
        set before [string range $line 0 [expr {$at - 1}]]
        set words [Words $before]
        set word [lindex $words end]
        set names [Candidates [lrange $words 0 end-1] $word]
        set common [tcl::prefix longest $names ""]
        if {[string length $common] < [string length $word] || ![string match [Literal $word]* $common]} {
            set common $word
        }
        set more [string range $common [string length $word] end]
        if {[llength $names] == 1 && ![string match {*[/:]} $common]} {
            append more " "
        }
        completed $before$more[string range $line $at end] [expr {$at + [string length $more]}] \
            {*}[expr {$more eq "" && [llength $names] > 1 ? $names : {}}]
    }

    # The words of the command that is being typed at the end of a text: the innermost one, where there are
    # brackets or braces that are still open. The last word is the one to complete, and may be empty.
    proc Words {text} {
        set outer {}  ;# what the open brackets have before them
        set words {}
        set word ""
        set quoted 0
        set length [string length $text]
        for {set i 0} {$i < $length} {incr i} {
            set c [string index $text $i]
            switch -- $c {
                "\\" {
                    append word $c[string index $text [incr i]]
                }
                "\"" {
                    set quoted [expr {!$quoted}]
                    append word $c
                }
                "\[" - "\{" {
                    lappend outer [list $words $word $quoted]
                    set words {}
                    set word ""
                    set quoted 0
                }
                "\]" - "\}" {
                    if {[llength $outer]} {
                        lassign [lindex $outer end] words word quoted
                        set outer [lrange $outer 0 end-1]
                        append word {*}
                    }
                }
                ";" - "\n" {
                    if {!$quoted} {
                        set words {}
                        set word ""
                    }
                }
                " " - "\t" {
                    if {$quoted} {
                        append word $c
                    } elseif {$word ne ""} {
                        lappend words $word
                        set word ""
                    }
                }
                default {
                    append word $c
                }
            }
        }
        return [list {*}$words $word]
    }

    # What may stand where the word is, behind those before it; sorted.
    proc Candidates {before word} {
        if {[string match {$*} $word]} {
            return [lmap name [Variables [string range $word 1 end]] {string cat \$ $name}]
        }
        if {$before eq ""} {
            return [Commands $word]
        }
        set names [Following $before $word]
        if {$names eq ""} {
            set names [lmap name [glob -nocomplain -- [Literal $word]*] {
                string cat $name [expr {[file isdirectory $name] ? "/" : ""}]
            }]
        }
        return [lsort -unique [lsearch -all -inline -glob $names [Literal $word]*]]
    }

    # What may follow the first words of a command.
    proc Following {before word} {
        set command [Value [lindex $before 0]]
        if {[info object isa object $command]} {
            if {[info object isa class $command]} {
                set class $command
                set method [expr {[llength $before] > 1 && [lindex $before 1] eq "create" ? "new" : [lindex $before 1]}]
                set methods {new create}
            } else {
                set class [info object class $command]
                set method [lindex $before 1]
                set methods [info object methods $command -all]
            }
            if {[llength $before] == 1} {
                return $methods
            }
            return [Options [string trimleft $class :] $method [lindex $before end] $word]
        }
        set qualified [namespace which -command $command]
        if {$qualified ne "" && [namespace ensemble exists $qualified]} {
            if {[llength $before] == 1} {
                return [Subcommands $qualified]
            }
            return [Options [string trimleft $qualified :] [lindex $before 1] [lindex $before end] $word]
        }
        return [Options nats [namespace tail $command] [lindex $before end] $word]
    }

    # The options of a method, or behind one of them the words that it takes.
    proc Options {class method last word} {
        if {[info commands ::nats::options] eq "" || [catch {::nats::options $class $method} options]} {
            return {}
        }
        if {[dict exists $options $last]} {
            set row [dict get $options $last]
            return [expr {[dict get $row type] eq "bool" ? {true false} : [dict get $row values]}]
        }
        # Names of options are offered to whoever begins one.
        return [expr {[string match -* $word] ? [dict keys $options] : {}}]
    }

    # The commands and namespaces that a word may be the beginning of.
    proc Commands {word} {
        set pattern [Literal $word]*
        set colons [expr {[string match ::* $word] ? "::" : ""}]
        set names [lmap name [namespace eval :: [list info commands $pattern]] {
            string cat $colons [string trimleft $name :]
        }]
        set space [namespace qualifiers $word]
        set there [expr {$space in {"" "::"} ? "::" : "::[string trimleft $space :]"}]
        if {[namespace exists $there]} {
            foreach child [namespace children $there] {
                set name $colons[string trimleft $child :]::
                if {[string match $pattern $name] && $child ni {::nats::core ::natsh}} {
                    lappend names $name
                }
            }
        }
        return [lsort -unique $names]
    }

    proc Variables {word} {
        return [lsort -unique [lmap name [namespace eval :: [list info vars [Literal $word]*]] {
            expr {[string match ::* $word] ? $name : [string trimleft $name :]}
        }]]
    }

    # The value of a word as it will be, where that can be told: that of a variable, or the word.
    proc Value {word} {
        if {[string match {$*} $word]} {
            set name [string trim [string range $word 1 end] "\{\}"]
            if {[uplevel #0 [list info exists $name]] && ![uplevel #0 [list array exists $name]]} {
                return [uplevel #0 [list set $name]]
            }
        }
        return $word
    }

    proc Subcommands {ensemble} {
        set configuration [namespace ensemble configure $ensemble]
        if {[dict get $configuration -map] ne ""} {
            return [dict keys [dict get $configuration -map]]
        }
        if {[dict get $configuration -subcommands] ne ""} {
            return [dict get $configuration -subcommands]
        }
        set space [dict get $configuration -namespace]
        set names {}
        foreach pattern [namespace eval $space {namespace export}] {
            foreach name [info commands ${space}::$pattern] {
                lappend names [namespace tail $name]
            }
        }
        return $names
    }

    # A pattern that matches a text alone.
    proc Literal {text} {
        return [string map {* \\* ? \\? [ \\[ ] \\] \\ \\\\} $text]
    }
}
