// Tells in one line of JSON who runs it, from where, and what it may do there. For images that have no language of
// their own: static, for musl or for glibc.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char *or(const char *value, const char *fallback) {
  return value != NULL && *value != '\0' ? value : fallback;
}

static const char *is_writable(const char *directory) {
  char path[4096];
  snprintf(path, sizeof path, "%s/written", directory);
  FILE *file = fopen(path, "w");
  return file != NULL && fclose(file) == 0 ? "true" : "false";
}

int main(void) {
  const char *home = or(getenv("HOME"), "");
  // The name that was given to execve: the program's own, or that of a loader that was told to start it.
  printf("{\"interpreter\":\"%s\",\"uid\":%d,\"home\":\"%s\",\"homeWritable\":%s,\"tmpWritable\":%s,"
         "\"noNewPrivileges\":%s,\"seesMachine\":%s}\n",
         (const char *)getauxval(AT_EXECFN), (int)getuid(), home, is_writable(home),
         is_writable(or(getenv("TMPDIR"), "/tmp")), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "true" : "false",
         access(or(getenv("MACHINE_FILE"), "/"), F_OK) == 0 ? "true" : "false");
  return 0;
}
