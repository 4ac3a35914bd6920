//! How QEMU is told what the guest is.

use std::ffi::OsString;
use std::path::Path;

use super::{GuestFiles, GuestOptions};

/// A panic is final, at once. The guest runs nobody else's code, so it needs no slow guards against that.
/// The console's log is for a file, so without colours. Units are given time, because a busy machine emulates slowly.
pub(super) const KERNEL_ARGUMENTS: &str =
    "rw panic=-1 mitigations=off net.ifnames=0 SYSTEMD_COLORS=0 systemd.default_timeout_start_sec=600";
/// Nothing waits for keys or a screen; a guest that panics or powers off ends QEMU.
pub(super) const BARE: &str = "-nodefaults -no-user-config -display none -no-reboot";

/// QEMU's command line; `folder` holds the guest's sockets, logs and shared files.
pub(super) fn arguments(files: &GuestFiles, options: &GuestOptions, folder: &Path) -> Vec<OsString> {
    let memory = format!("{}M", options.memory_mib);
    let mut line = CommandLine::default()
        .words(BARE)
        // Emulated; the tests must run where there is no hardware help. One processor: with two, each emulated by a thread,
        // a timer of the second was lost now and then on a busy machine, and the kernel stood still as it started ("rcu_preempt
        // kthread timer wakeup did not happen").
        .words("-machine pc,memory-backend=memory -accel tcg -cpu max -smp 1")
        // The memory is shared with the process that plays the guest's devices.
        .option("-object", format!("memory-backend-memfd,id=memory,size={memory},share=on"))
        .option("-m", memory)
        .option("-kernel", &files.kernel)
        .option("-initrd", &files.initrd)
        .option(
            "-append",
            format!("console=ttyS0 root=/dev/vda {KERNEL_ARGUMENTS} {}", options.kernel_arguments),
        )
        .path_option(
            "-drive",
            if options.disk.is_some() {
                "if=virtio,format=qcow2,file="
            } else {
                "if=virtio,format=raw,snapshot=on,file="
            },
            options.disk.as_ref().unwrap_or(&files.root),
        )
        .words("-netdev user,id=net -device virtio-net-pci,netdev=net,romfile=")
        .path_option("-chardev", "file,id=console,path=", &folder.join("console.log"))
        .words("-serial chardev:console")
        .path_option("-chardev", "socket,id=port,path=", &folder.join("port.sock"))
        .words("-device virtio-serial-pci -device virtserialport,chardev=port,name=guest-shell")
        .path_option(
            "-virtfs",
            "local,mount_tag=share,security_model=none,readonly=on,path=",
            &folder.join("share"),
        );
    for (number, socket) in options.i2c.iter().enumerate() {
        line = line
            .path_option("-chardev", &format!("socket,id=i2c{number},path="), socket)
            .option("-device", format!("vhost-user-i2c-pci,chardev=i2c{number}"));
    }
    if let Some(socket) = &options.gpio {
        line = line
            .path_option("-chardev", "socket,id=gpio,path=", socket)
            .words("-device vhost-user-gpio-pci,chardev=gpio");
    }
    line.finish()
}

#[derive(Default)]
pub(super) struct CommandLine(Vec<OsString>);

impl CommandLine {
    pub(super) fn words(mut self, words: &str) -> Self {
        self.0.extend(words.split(' ').map(OsString::from));
        self
    }

    pub(super) fn option(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.0.extend([OsString::from(name), value.into()]);
        self
    }

    /// A path that ends a list of QEMU's, in which a comma is written twice.
    pub(super) fn path_option(self, name: &str, before: &str, path: &Path) -> Self {
        let path = path.to_string_lossy().replace(',', ",,");
        self.option(name, format!("{before}{path}"))
    }

    pub(super) fn finish(self) -> Vec<OsString> {
        self.0
    }
}
