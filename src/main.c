/* main.c: layer 7. Everything begins here; what it does stands in the table of commands (edge/cli.c). */
#include "edge.h"

extern char **environ;

int main(int argc, char **argv)
{
  return cli_main(argc, argv, environ);
}
