#include "tools/command_line.h"

int main(int argc, char** argv) { return daybook::tools::RunCommandLine(argc, argv); }
