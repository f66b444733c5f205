# Completion of causality for bash. tests/e2e/test_cli_docs.py compares it with the command.

_causality() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev= verb= domain= i
    local verbs='init import apply show list log domain fact account disputed program vm why before'
    verbs+=' time-map root audit replay export reindex placement wait-graph key sim bench version help'
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
    list,-k | list,--kind) options='fungible position data account capability outbox code' ;;
    list,-s | list,--state) options='active locked frozen consumed archived' ;;
    apply,-f | apply,--format) options='json cbor' ;;
    export,-f | export,--format) options='car' ;;
    bench,-m | bench,--mode) options='plan log durable' ;;
    domain,-a | domain,--adapter) options='ethereum simulated' ;;
    domain,--record-finality) options='seen depth safe final' ;;
    fact,-k | fact,--kind)
        options='block transaction deposit withdrawal balance price time register custom'
        options+=' retraction domain decision'
        ;;
    account,-f | account,--finality) options='seen safe final' ;;
    account,-r | account,--right) options='debit withdraw write lifecycle create delegate' ;;
    account,-k | account,--key | program,-[kfsi] | program,--input | program,--sign | program,--key | program,--facts) files=-f ;;
    replay,-k | replay,--key) files=-f ;;
    domain,-p | domain,--parameters | fact,-[se] | fact,--sign | fact,--evidence) files=-f ;;
    sim,-s | sim,--sign | vm,-i | vm,--input) files=-f ;;
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
    apply) options='-t --threads -b --batch -f --format -p --propose' files=-f ;;
    list) options='-k --kind -p --prefix -a --asset -s --state' ;;
    show | log)
        # Labels of the store at hand; quiet where there is none.
        [[ $cur == -* ]] || options=$(causality list --json 2> /dev/null |
            sed -n 's/^{"resource":"\([^"\\ ]*\)".*/\1/p' | head -n 1000)
        ;;
    domain)
        options='-a --adapter -p --parameters --safe-depth --final-depth --record-depth'
        options+=' --record-finality -o --observer -k --keep -n --note'
        if [[ -z $domain ]]; then options+=' add list show resolve'; fi
        ;;
    fact)
        options='-s --sign -k --kind --standing --retracted -e --evidence -n --note'
        if [[ -z $domain ]]; then options+=' add list show retract verify'; else files=-f; fi
        ;;
    account)
        options='-k --key -o --owner -t --threshold -l --limit -u --use -i --id -f --finality'
        options+=' --holder -r --right --resource -a --asset --ceiling --until --parent --open'
        if [[ -z $domain ]]; then
            options+=' new show policy open transfer deposit withdraw close grant revoke inbox'
            options+=' outbox'
        elif [[ $cur != -* ]]; then
            options=$(causality list --json 2> /dev/null |
                sed -n 's/^{"resource":"\([^"\\ ]*\)",[^}]*"kind":"account".*/\1/p' | head -n 1000)
        fi
        ;;
    program)
        options='-l --label -k --key -f --facts -s --sign -i --input -w --wait'
        if [[ -z $domain ]]; then
            options+=' list show log id run cancel deploy inspect disasm'
        else
            files=-f
        fi
        ;;
    vm)
        options='-g --gas -i --input -s --stats --stepwise'
        if [[ -z $domain ]]; then options+=' run'; else files=-f; fi
        ;;
    why) options='-d --dot -s --shiviz -n --depth -m --max' ;;
    time-map) options='-a --at' ;;
    key) if [[ -z $domain ]]; then options='new show'; else files=-f; fi ;;
    sim)
        options='--seed -s --sign'
        if [[ -n $domain && $cur != -* ]]; then
            options+=' mine deposit= withdrawal= balance= price= price-age= register= transaction='
            options+=' custom= interval= finalize= reorg= reorg-drop= domain facts retract='
        fi
        ;;
    audit) options='-t --threads' ;;
    replay) options='-t --threads -p --program -k --key' files=-f ;;
    export) options='-f --format -o --output -t --threads' ;;
    wait-graph) options='-d --dot' ;;
    placement)
        options='-g --group-max'
        if [[ -z $domain ]]; then options+=' show suggest apply'; else files=-d; fi
        ;;
    bench)
        options='-n --accounts -z --zipf -e --effects -m --mode -r --read-percent -b --batch'
        options+=' -c --causal -d --dir -t --threads transfers'
        ;;
    help) options=$verbs ;;
    esac
    mapfile -t COMPREPLY < <(compgen ${files:+"$files"} -W "$options $common" -- "$cur")
}
complete -F _causality causality
