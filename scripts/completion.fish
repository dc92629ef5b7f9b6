# Completion of nats-balance for fish: asks the program, as bash's does.
function __nats_balance_complete
    set -l words (commandline -opc)
    set -l found ($words[1] --completion-bash $words[2..-1] (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct) # the value of a flag
    end
end
complete -c nats-balance -f -a '(__nats_balance_complete)'
