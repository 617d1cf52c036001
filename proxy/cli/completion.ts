import type { Command } from 'commander'

/**
 * A script that completes commands, their options and the choices of options, made from the commands themselves so that
 * none is forgotten. Files are completed where an option takes one.
 */
export function completionFor(shell: 'bash' | 'zsh', program: Command): string {
  return shell === 'bash' ? bash(program) : zsh(program)
}

// --- internal ---

function commandsOf(program: Command): readonly Command[] {
  return program.commands.filter((command) => command.name() !== 'help')
}

function bash(program: Command): string {
  const commands = commandsOf(program)
  const cases = commands.map(
    (command) => `    ${command.name()}) words="${optionsOf(command).join(' ')} --help" ;;`,
  )
  const choices = commands.flatMap((command) =>
    choicesOf(command).map(
      ([flag, values]) => `    "${command.name()} ${flag}") words="${values.join(' ')}" ;;`,
    ),
  )
  return `# Completion of gatehouse for bash. Put into ~/.bashrc: eval "$(gatehouse completion bash)"
_gatehouse() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map((command) => command.name()).join(' ')} --help --version" -- "$word"))
    return
  fi
  case "$command $before" in
${choices.join('\n')}
  esac
  if [ -n "$words" ] && [[ $word != -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    return
  fi
  case $command in
${cases.join('\n')}
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _gatehouse gatehouse ./gatehouse`
}

function zsh(program: Command): string {
  const commands = commandsOf(program)
  const list = commands.map((command) => `    '${command.name()}:${clean(command.description())}'`)
  const cases = commands.map((command) => {
    const options = command.options.map((option) => {
      const flag = option.long ?? option.short ?? ''
      const takes = option.required || option.optional
      const values = option.argChoices?.join(' ')
      const value = takes ? `:value:${values === undefined ? '_files' : `(${values})`}` : ''
      return `'${flag}[${clean(option.description)}]${value}'`
    })
    return `    ${command.name()}) _arguments ${[...options, "'*:file:_files'"].join(' ')} ;;`
  })
  return `#compdef gatehouse
# Completion of gatehouse for zsh. Put into ~/.zshrc: eval "$(gatehouse completion zsh)"
_gatehouse() {
  local -a commands=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _gatehouse gatehouse`
}

function optionsOf(command: Command): string[] {
  return command.options.map(({ long, short }) => long ?? short ?? '')
}

function choicesOf(command: Command): [flag: string, values: readonly string[]][] {
  const ofOptions = command.options.flatMap(({ long, argChoices }): [string, readonly string[]][] =>
    long && argChoices ? [[long, argChoices]] : [],
  )
  const ofArguments = command.registeredArguments.flatMap(({ argChoices }): [string, readonly string[]][] =>
    argChoices ? [[command.name(), argChoices]] : [],
  )
  return [...ofOptions, ...ofArguments]
}

/** Descriptions stand within quotes and brackets there. */
function clean(text: string): string {
  return text.replace(/['"[\]:$`\\]/g, ' ').replace(/\s+/g, ' ')
}
