import Glibc

/// A variable that systemd sets for the process; nil where it does not.
func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
}
