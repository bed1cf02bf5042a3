import CSystemd
import Glibc
public import UsherModel

/// A listening socket that the daemon was started with.
public struct InheritedSocket: Sendable, Equatable {
    /// The `FileDescriptorName=` of its socket unit: `admin` is for administrators, any other name for apps.
    public let name: String
    public let descriptor: Int32
}

/// The sockets of socket activation (sd_listen_fds(3)).
public enum InheritedSockets {
    /// Takes over the sockets that the daemon was started with, none where it was not started so. Sets them non-blocking (they
    /// are close-on-exec already), and clears LISTEN_FDS and its like, so that no child takes them for its own: call it once,
    /// before there are other threads.
    /// - Throws: `internal`, with a cause that names the socket, for one that is not a listening Unix stream socket, and for
    ///   names that say not which is which.
    public static func take() throws(UsherError) -> [InheritedSocket] {
        var raw: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = unsafe sd_listen_fds_with_names(1, &raw)
        guard count >= 0 else {
            throw UsherError(.internal, cause: "the sockets of socket activation cannot be taken over: \(errorText(-count))")
        }
        var names: [String] = []
        if let raw = unsafe raw {
            for index in 0..<Int(count) {
                guard let name = unsafe raw[index] else { break }
                names.append(unsafe String(cString: name))
                unsafe free(name)
            }
            unsafe free(raw)
        }
        return try zip(assign(names), SD_LISTEN_FDS_START...).map { name, descriptor throws(UsherError) in
            try prepare(descriptor, of: name)
            return InheritedSocket(name: name, descriptor: descriptor)
        }
    }

    /// What each of the sockets so named is called. A single one that was given no name is `app`; of several each must have one, or who
    /// mistakes it would have the rights of another.
    static func assign(_ names: [String]) throws(UsherError) -> [String] {
        guard names.count > 1 else { return names.map { isGiven($0) ? $0 : "app" } }
        let others = names.filter { !isGiven($0) }
        guard others.isEmpty else {
            throw UsherError(
                .internal,
                cause: "of \(names.count) inherited sockets, some were given no name: "
                    + others.map { "\"\($0)\"" }.joined(separator: ", ") + "; set FileDescriptorName= in their socket units")
        }
        return names
    }

    /// Not where the unit's own name stands in, or `unknown`, that of systemd-socket-activate.
    private static func isGiven(_ name: String) -> Bool { !["", "unknown"].contains(name) && !name.hasSuffix(".socket") }

    /// Makes sure that the descriptor is a listening Unix stream socket, and sets it non-blocking.
    static func prepare(_ descriptor: Int32, of name: String) throws(UsherError) {
        let answer = sd_is_socket(descriptor, AF_UNIX, Int32(SOCK_STREAM.rawValue), 1)
        guard answer > 0 else {
            let reason = answer < 0 ? errorText(-answer) : "it is not a listening Unix stream socket (ListenStream= with a path)"
            throw UsherError(.internal, cause: "the inherited socket \"\(name)\" (descriptor \(descriptor)): \(reason)")
        }
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
            throw UsherError(
                .internal,
                cause: "the inherited socket \"\(name)\" cannot be made non-blocking: \(errorText(errno))")
        }
    }
}
