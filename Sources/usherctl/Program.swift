import Glibc

/// Another program, run to its end.
struct Program {
    let status: Int32
    /// What it wrote to standard output and to standard error.
    let output: String

    /// Runs it without input and with nothing but a PATH in its environment.
    /// - Parameter path: looked for in PATH where it has no slash.
    /// - Returns: nil where it cannot be run.
    static func run(_ path: String, _ arguments: [String]) -> Program? {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)
        let words = unsafe cStrings([path] + arguments)
        let environment = unsafe cStrings(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"])
        defer {
            unsafe free(words)
            unsafe free(environment)
        }
        var process = pid_t()
        let failure = unsafe posix_spawnp(&process, path, &actions, nil, words, environment)
        close(ends[1])
        guard failure == 0 else { return nil }
        var output: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe read(ends[0], &block, block.count)
            if count == 0 || (count < 0 && errno != EINTR) { break }
            output += block.prefix(max(count, 0))
        }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        // WIFEXITED and WEXITSTATUS are macros.
        return Program(status: status & 0x7f == 0 ? status >> 8 & 0xff : -1, output: String(decoding: output, as: UTF8.self))
    }

    /// As exec(3) takes them: a list that ends with nil.
    private static func cStrings(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
        for (index, text) in texts.enumerated() { unsafe (list + index).initialize(to: strdup(text)) }
        unsafe (list + texts.count).initialize(to: nil)
        return unsafe list
    }

    private static func free(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) {
        var next = unsafe list
        while let text = unsafe next.pointee {
            unsafe Glibc.free(text)
            unsafe next += 1
        }
        unsafe list.deallocate()
    }
}
