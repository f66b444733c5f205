# Completion of causality for bash. tests/e2e/test_cli_docs.py compares it with the command.

_causality() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev= verb= domain= i
    local verbs='init import apply show list log root audit replay export reindex'
    verbs+=' wait-graph bench version help'
    local common='-C --directory --json -h --help' options= files=
    COMPREPLY=()
    ((COMP_CWORD)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -C | --directory) ((i++)) ;;
        -*) ;;
        *)
            if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; else domain=${COMP_WORDS[i]}; fi
            ;;
        esac
    done
    case $verb,$prev in
    *,-C | *,--directory | bench,-d | bench,--dir) files=-d ;;
    list,-k | list,--kind) options='fungible position data' ;;
    list,-s | list,--state) options='active locked frozen consumed archived' ;;
    apply,-f | apply,--format) options='json cbor' ;;
    export,-f | export,--format) options='car' ;;
    bench,-m | bench,--mode) options='plan log durable' ;;
    export,-o | export,--output) files=-f ;;
    esac
    if [[ -n $options || -n $files ]]; then
        mapfile -t COMPREPLY < <(compgen ${files:+"$files"} -W "$options" -- "$cur")
        return
    fi
    case $verb in
    '') options=$verbs ;;
    init) files=-d ;;
    import)
        options='--trust -t --threads'
        if [[ -z $domain ]]; then options+=' ethereum'; else files=-f; fi
        ;;
    apply) options='-t --threads -b --batch -f --format' files=-f ;;
    list) options='-k --kind -p --prefix -a --asset -s --state' ;;
    show | log)
        # Labels of the store at hand; quiet where there is none.
        [[ $cur == -* ]] || options=$(causality list --json 2> /dev/null |
            sed -n 's/^{"resource":"\([^"\\ ]*\)".*/\1/p' | head -n 1000)
        ;;
    audit | replay) options='-t --threads' ;;
    export) options='-f --format -o --output -t --threads' ;;
    wait-graph) options='-d --dot' ;;
    bench)
        options='-n --accounts -z --zipf -e --effects -m --mode -r --read-percent -b --batch'
        options+=' -d --dir -t --threads transfers'
        ;;
    help) options=$verbs ;;
    esac
    mapfile -t COMPREPLY < <(compgen ${files:+"$files"} -W "$options $common" -- "$cur")
}
complete -F _causality causality
