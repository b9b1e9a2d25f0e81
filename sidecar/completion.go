package main

import (
	"io"

	"github.com/spf13/cobra"
)

// shells are those that a script can be made for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// completionCommand makes a shell complete what is typed. It takes the place of
// cobra's own, whose help has no example.
func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that makes bash, zsh, fish or powershell complete what is typed",
		Long: `Prints a script for a shell, with which it completes commands, flags, and the numbers
of dead letters, for which it asks the running sidecar.`,
		Example: `  source <(sidecar completion bash)                              for now; or put it into ~/.bashrc
  sidecar completion zsh > "${fpath[1]}/_sidecar"
  sidecar completion fish > ~/.config/fish/completions/sidecar.fish
  sidecar completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			write := map[string]func(io.Writer) error{
				"bash":       func(out io.Writer) error { return cmd.Root().GenBashCompletionV2(out, true) },
				"zsh":        cmd.Root().GenZshCompletion,
				"fish":       func(out io.Writer) error { return cmd.Root().GenFishCompletion(out, true) },
				"powershell": cmd.Root().GenPowerShellCompletionWithDesc,
			}
			return write[args[0]](cmd.OutOrStdout())
		},
	}
}
