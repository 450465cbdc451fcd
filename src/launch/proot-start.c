/* What proot starts in place of the server, in the server's own root: it starts the server and tells the runner how it
 * ends, which proot gets wrong (its status is that of whichever process ends last, and 255 for a signal). A static
 * program of a few system calls, because a root may hold no other program than the server.
 *
 *   START helper IGNORED PROGRAM ARGUMENT...   becomes a helper of the runner's, which ends when that does. It ignores the
 *                                              signals in IGNORED, where signal N counts 2 to the power of N - 1
 *   START check                                tells by its status what this proot is good for: see check()
 *   START server PROGRAM ARGV0 ARGUMENT...     starts the server
 *   START old-server PROGRAM ARGV0 ARGUMENT... the same, where proot is not aware of newer system calls
 *
 * Descriptor 3 takes a line for each thing that happens: "pid N", "failed ERRNO", "ended STATUS". Of the environment,
 * the server gets what begins with '_', without it; the rest is for proot.
 *
 * src/launch/proot-start-code.ts holds what `bun scripts/proot-start.ts` makes of this. */

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

typedef unsigned long word;

enum { SIGQUIT = 3, SIGKILL = 9, SIGPIPE = 13, SIGCHLD = 17, SIGXFSZ = 25 };
enum { PR_SET_PDEATHSIG = 1, PR_SET_SECCOMP = 22, PR_SET_CHILD_SUBREAPER = 36, PR_SET_NO_NEW_PRIVS = 38 };
enum { ECHILD = 10, ENOSYS = 38 };
enum { SIG_DFL = 0, SIG_IGN = 1, SIG_SETMASK = 2, F_SETFD = 2, FD_CLOEXEC = 1, AT_FDCWD = -100, STATUS = 3 };
enum { SOUND = 0, UNTRANSLATED = 2, OLD = 3, UNFILTERED = 4 };

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define NR_STAT __NR_newfstatat
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define NR_STAT __NR3264_fstatat
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, __builtin_offsetof(struct seccomp_data, field))
#define FOR_OTHER_ARCHITECTURES_ALL_IS_WELL                                                    \
	LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0), ALL_IS_WELL, LOAD(nr)
#define MISSING_IF(test, number)                                                               \
	BPF_JUMP(BPF_JMP | BPF_##test | BPF_K, number, 0, 1),                                  \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)
#define ALL_IS_WELL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* The system calls that no PRoot translates, up to 5.4: they would reach the runner's files by the names that the
 * server has for its own. Here the kernel has none of them, and programs know how to do without. 452 is fchmodat2, the
 * first of those that are too new for any. */
static const struct sock_filter unknown[] = {
	FOR_OTHER_ARCHITECTURES_ALL_IS_WELL,
	MISSING_IF(JGE, 452),
	MISSING_IF(JEQ, __NR_openat2),
	MISSING_IF(JEQ, __NR_clone3),
	MISSING_IF(JEQ, __NR_open_tree),
	MISSING_IF(JEQ, __NR_execveat),
	MISSING_IF(JEQ, __NR_io_uring_setup),
	ALL_IS_WELL,
};

/* Those that PRoot 5.1, which Debian has, does not translate either. */
static const struct sock_filter unknown_to_old[] = {
	FOR_OTHER_ARCHITECTURES_ALL_IS_WELL,
	MISSING_IF(JEQ, __NR_statx),
	MISSING_IF(JEQ, __NR_faccessat2),
	MISSING_IF(JEQ, __NR_renameat2),
	ALL_IS_WELL,
};

/* Arguments do not outlive a call: where the kernel filters for it, proot leaves them as it has translated them. */
static inline long call5(long number, word a, word b, word c, word d, word e) {
#if defined(__x86_64__)
	register word r10 __asm__("r10") = d;
	register word r8 __asm__("r8") = e;
	__asm__ volatile("syscall"
			 : "+a"(number), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
			 :
			 : "rcx", "r11", "memory");
	return number;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register word x0 __asm__("x0") = a;
	register word x1 __asm__("x1") = b;
	register word x2 __asm__("x2") = c;
	register word x3 __asm__("x3") = d;
	register word x4 __asm__("x4") = e;
	__asm__ volatile("svc 0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x8)
			 :
			 : "memory");
	return (long)x0;
#endif
}

static inline long call(long number, word a, word b, word c, word d) {
	return call5(number, a, b, c, d, 0);
}

/* Writes "<word> <number>\n"; returns whether anybody was there to take it. */
static int tell(const char *what, word number) {
	char line[32];
	word end = 0, digits = 1;
	for (word rest = number; rest > 9; rest /= 10) digits++;
	while (*what) line[end++] = *what++;
	line[end++] = ' ';
	for (word at = digits; at > 0; number /= 10) line[end + --at] = '0' + number % 10;
	end += digits;
	line[end++] = '\n';
	return call(__NR_write, STATUS, (word)line, end, 0) == (long)end;
}

static __attribute__((noreturn)) void leave(word status) {
	for (;;) call(__NR_exit_group, status, 0, 0, 0);
}

static void dispose(int signal, word disposition) {
	word action[4] = {disposition};
	call(__NR_rt_sigaction, signal, (word)action, 0, sizeof(word));
}

static int hide(const struct sock_filter *filter, word length) {
	struct sock_fprog program = {length, (struct sock_filter *)filter};
	call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	return call(__NR_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (word)&program, 0) == 0;
}

static int hide_unknown(int old) {
	return hide(unknown, sizeof unknown / sizeof *unknown) &&
	       (!old || hide(unknown_to_old, sizeof unknown_to_old / sizeof *unknown_to_old));
}

/* Its own name exists in the root that proot shows, and nowhere else: who finds it is translated. */
static __attribute__((noreturn)) void check(const char *path) {
	char status[512];
	if (call(NR_STAT, AT_FDCWD, (word)path, (word)status, 0) < 0) leave(UNTRANSLATED);
	int old = call(__NR_faccessat2, AT_FDCWD, (word)path, 0, 0) < 0 ||
		  call5(__NR_statx, AT_FDCWD, (word)path, 0, 0, (word)status) < 0;
	if (!hide_unknown(old) && old) leave(UNFILTERED);
	leave(old ? OLD : SOUND);
}

static void take_environment(char **environment) {
	char **kept = environment;
	for (; *environment; environment++)
		if (**environment == '_') *kept++ = *environment + 1;
	*kept = 0;
}

static __attribute__((noreturn)) void become_server(char **argv, char **environment, word mask, int old) {
	call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	call(__NR_fcntl, STATUS, F_SETFD, FD_CLOEXEC, 0);
	/* Nobody there: the runner was killed before it could be followed by proot. */
	if (!tell("pid", call(__NR_getpid, 0, 0, 0, 0))) leave(SIGKILL);
	/* Bun ignores these two, and what ignores them does not end when its reader goes away. */
	dispose(SIGPIPE, SIG_DFL);
	dispose(SIGXFSZ, SIG_DFL);
	take_environment(environment);
	hide_unknown(old);
	call(__NR_rt_sigprocmask, SIG_SETMASK, (word)&mask, 0, sizeof(word));
	tell("failed", -call(__NR_execve, (word)argv[0], (word)(argv + 1), (word)environment, 0));
	leave(127);
}

static __attribute__((noreturn)) void serve(char **argv, char **environment) {
	word all = ~0ul, mask = 0;
	int ended, status = 0;
	/* The server never sees this file. */
	call(__NR_unlinkat, AT_FDCWD, (word)argv[0], 0, 0);
	call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	/* Orphans come here, where their ends are taken notice of. */
	call(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0);
	/* A terminal sends its signals to this process as well. */
	call(__NR_rt_sigprocmask, SIG_SETMASK, (word)&all, (word)&mask, sizeof(word));
	long server = call(__NR_clone, SIGCHLD, 0, 0, 0);
	if (server == 0) become_server(argv + 2, environment, mask, *argv[1] == 'o');
	if (server < 0) {
		tell("failed", -server);
		leave(126);
	}
	do ended = call(__NR_wait4, -1, (word)&status, 0, 0);
	while (ended != server && ended != -ECHILD);
	int signal = status & 0x7f;
	word code = signal ? 128 + signal : (status >> 8) & 0xff;
	tell("ended", code);
	leave(code);
}

static __attribute__((noreturn)) void become_helper(const char *ignored, char **argv, char **environment) {
	word signals = 0;
	for (; *ignored; ignored++) signals = 10 * signals + (*ignored - '0');
	/* Bun resets what its children have inherited, but nohup's wish is for all of them. */
	for (int signal = 1; signals; signal++, signals >>= 1)
		if (signals & 1) dispose(signal, SIG_IGN);
	/* proot then kills what it traces, which would go on untraced, among the runner's own files, without it. */
	call(__NR_prctl, PR_SET_PDEATHSIG, SIGQUIT, 0, 0);
	call(__NR_execve, (word)argv[0], (word)argv, (word)environment, 0);
	leave(127);
}

__attribute__((used)) void start(word *stack) {
	char **argv = (char **)(stack + 1), **environment = argv + *stack + 1;
	if (*stack > 3 && (*argv[1] == 's' || *argv[1] == 'o')) serve(argv, environment);
	if (*stack > 1 && *argv[1] == 'c') check(argv[0]);
	if (*stack > 3) become_helper(argv[2], argv + 3, environment);
	leave(64);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tmov x0, sp\n\tb start\n");
#endif
