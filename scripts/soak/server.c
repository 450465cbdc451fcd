// The least of an MCP server on stdin and stdout, so that what is measured is the runner: it opens a session, echoes,
// and ends in the ways in which servers should not. It trusts its client.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char line[1 << 20];

// The value of a member as it is written, up to what ends a plain one.
static const char *value_of(const char *name, int *length) {
  const char *at = strstr(line, name);
  if (at == NULL) return NULL;
  at += strlen(name);
  *length = (int)strcspn(at, ",}");
  return at;
}

static int asks(const char *text) { return strstr(line, text) != NULL; }

static void end_badly(void) {
  // What outlives it, with its pipes, is for somebody else to end.
  if (asks("\"leave-child\"") && fork() == 0) {
    for (;;) pause();
  }
  _exit(3);
}

int main(void) {
  while (fgets(line, sizeof line, stdin) != NULL) {
    int length = 0;
    const char *id = value_of("\"id\":", &length);
    if (id == NULL) continue;
    if (asks("\"crash\"")) end_badly();
    printf("{\"jsonrpc\":\"2.0\",\"id\":%.*s,", length, id);
    if (asks("\"initialize\"")) {
      printf("\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},"
             "\"serverInfo\":{\"name\":\"soak\",\"version\":\"1.0.0\"}}}\n");
    } else if (asks("\"tools/call\"")) {
      const char *message = value_of("\"message\":", &length);
      printf("\"result\":{\"content\":[{\"type\":\"text\",\"text\":%.*s}]}}\n",
             message == NULL ? 2 : length, message == NULL ? "\"\"" : message);
    } else {
      printf("\"error\":{\"code\":-32601,\"message\":\"unknown method\"}}\n");
    }
    fflush(stdout);
  }
  return 0;
}
