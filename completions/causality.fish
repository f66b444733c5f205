# Completion of causality for fish. tests/e2e/test_cli_docs.py compares it with the command.

set -l verbs init import apply show list log root audit replay export reindex wait-graph bench version help

complete -c causality -f
complete -c causality -s C -l directory -x -a '(__fish_complete_directories)' -d 'directory of the store'
complete -c causality -l json -d 'print JSON, one object a line'
complete -c causality -s h -l help -d 'print help'

complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a init -d 'make an empty store'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a import -d 'record verified blocks as facts'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a apply -d 'apply effects'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a show -d 'show a resource or an effect'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a list -d 'list resources'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a log -d 'print what happened to a resource'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a root -d 'print one hash over all resources and their logs'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a audit -d 'check every hash'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a replay -d 'execute everything again from the journal'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a export -d 'write everything recorded as a CAR file'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a reindex -d 'make the index again from the journal'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a wait-graph -d 'show who holds and who waits'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a bench -d 'measure this machine'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a version -d 'print the version'
complete -c causality -n "not __fish_seen_subcommand_from $verbs" -a help -d 'print help'
complete -c causality -n '__fish_seen_subcommand_from help' -a "$verbs"
complete -c causality -n '__fish_seen_subcommand_from init' -x -a '(__fish_complete_directories)'
complete -c causality -n '__fish_seen_subcommand_from apply import' -F
complete -c causality -n '__fish_seen_subcommand_from import' -a ethereum
complete -c causality -n '__fish_seen_subcommand_from bench' -a transfers

complete -c causality -n '__fish_seen_subcommand_from import' -l trust -x -d 'the newest blocks hash'
complete -c causality -n '__fish_seen_subcommand_from import' -s t -l threads -x -d 'threads to use'
complete -c causality -n '__fish_seen_subcommand_from apply' -s t -l threads -x -d 'threads of the engine'
complete -c causality -n '__fish_seen_subcommand_from apply' -s b -l batch -x -d 'largest number of effects in a batch'
complete -c causality -n '__fish_seen_subcommand_from apply' -s f -l format -x -a 'json cbor' -d 'what FILE holds'
complete -c causality -n '__fish_seen_subcommand_from list' -s k -l kind -x -a 'fungible position data' -d 'only those of this kind'
complete -c causality -n '__fish_seen_subcommand_from list' -s p -l prefix -x -d 'only labels that begin with TEXT'
complete -c causality -n '__fish_seen_subcommand_from list' -s a -l asset -x -d 'only those of this asset'
complete -c causality -n '__fish_seen_subcommand_from list' -s s -l state -x -a 'active locked frozen consumed archived' -d 'only those in this state'
complete -c causality -n '__fish_seen_subcommand_from audit' -s t -l threads -x -d 'threads to use'
complete -c causality -n '__fish_seen_subcommand_from replay' -s t -l threads -x -d 'threads to use'
complete -c causality -n '__fish_seen_subcommand_from export' -s f -l format -x -a 'car' -d 'what to write'
complete -c causality -n '__fish_seen_subcommand_from export' -s o -l output -r -F -d 'where to'
complete -c causality -n '__fish_seen_subcommand_from export' -s t -l threads -x -d 'threads to use'
complete -c causality -n '__fish_seen_subcommand_from wait-graph' -s d -l dot -d 'print the graph for Graphviz'
complete -c causality -n '__fish_seen_subcommand_from bench' -s n -l accounts -x -d 'accounts'
complete -c causality -n '__fish_seen_subcommand_from bench' -s z -l zipf -x -d 'exponent of Zipfs law over them'
complete -c causality -n '__fish_seen_subcommand_from bench' -s e -l effects -x -d 'how many'
complete -c causality -n '__fish_seen_subcommand_from bench' -s m -l mode -x -a 'plan log durable' -d 'what to measure'
complete -c causality -n '__fish_seen_subcommand_from bench' -s r -l read-percent -x -d 'so many only compare two balances'
complete -c causality -n '__fish_seen_subcommand_from bench' -s b -l batch -x -d 'largest number of effects in a batch'
complete -c causality -n '__fish_seen_subcommand_from bench' -s d -l dir -x -a '(__fish_complete_directories)' -d 'where durable makes its temporary store'
complete -c causality -n '__fish_seen_subcommand_from bench' -s t -l threads -x -d 'threads to use'
