# bash completion for culvert: culvert itself knows what may follow.
_culvert() {
	local cur=${COMP_WORDS[COMP_CWORD]} line
	COMPREPLY=()
	while IFS= read -r line; do
		if [[ $line == :files ]]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
		else
			line=${line%%$'\t'*}
			[[ $cur == [\'\"]* ]] || printf -v line %q "$line"
			COMPREPLY+=("$line")
		fi
	done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _culvert culvert
