// The command line: one file a command; each turns argv into a call of flow/ or of a wing's public
// header and shows progress and faults in the language of the locale (LANG; zh first). Returns the
// process' exit code: 0 done, 1 failed (the fault is on standard error), 2 wrong usage, 130 Ctrl-C.
#pragma once

int cli_main(int argc, char **argv);
