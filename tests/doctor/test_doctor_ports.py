"""Ports, consoles, ModemManager, the Pi's UART and SPI on hosts made of files."""

from __future__ import annotations

import os
import sys

import pytest
from doctor_host import BY_ID, DIALOUT, Host, all_well, the_one, user

from chiplink.doctor import consoles, modem_manager, ports, raspberry, spi
from chiplink.doctor.finding import Level


def test_a_port_without_fault(host: Host) -> None:
    (found,) = host.find(ports.check)
    assert found.level is Level.OK
    assert BY_ID in found.text


def test_no_device(host: Host) -> None:
    host.config.write_text('[node]\nid = "cellar"\n')
    assert "no device" in the_one(host.find(ports.check), Level.WARN).text


def test_nothing_is_said_of_devices_when_nothing_could_be_read(host: Host) -> None:
    host.config.unlink()
    assert host.find(ports.check) == []


def test_a_missing_port_and_the_only_other(host: Host) -> None:
    host.configure("/dev/ttyUSB7")
    found = the_one(host.find(ports.check), Level.FAIL)
    assert found.text == "device.kvm.port: /dev/ttyUSB7 is not there"
    assert f'port = "{BY_ID}"' in found.fix


def test_a_missing_port_on_a_bare_host(host: Host) -> None:
    host.at(BY_ID).unlink()
    found = the_one(host.find(ports.check), Level.FAIL)
    assert "chiplink ports" in found.fix


def test_a_name_that_does_not_stay(host: Host) -> None:
    host.configure("/dev/ttyUSB0")
    found = the_one(host.find(ports.check), Level.WARN)
    assert found.fix == f'port = "{BY_ID}"'


def test_no_better_name_no_advice(host: Host) -> None:
    host.at(BY_ID).unlink()
    host.configure("/dev/ttyUSB0")
    assert all_well(host.find(ports.check))


def own_group(host: Host) -> int:
    return host.at("/dev/ttyUSB0").stat().st_gid


def test_no_permission_names_the_group_and_the_command(host: Host) -> None:
    host.device("/dev/ttyUSB0", mode=0o660)
    gid = own_group(host)
    found = the_one(host.find(ports.check, group_name=lambda _gid: "dialout"), Level.FAIL)
    assert "bridge" in found.text
    assert found.fix.startswith("sudo usermod -aG dialout bridge")
    assert all_well(host.find(ports.check, daemon=user(gid)))


def test_a_group_joined_after_the_login(host: Host) -> None:
    host.device("/dev/ttyUSB0", mode=0o660)
    daemon = user(listed=(own_group(host),))
    found = the_one(host.find(ports.check, daemon=daemon), Level.FAIL)
    assert found.fix == "log out and in again"


def test_no_group_may(host: Host) -> None:
    host.device("/dev/ttyUSB0", mode=0o600)
    found = the_one(host.find(ports.check, daemon=user(DIALOUT)), Level.FAIL)
    assert 'KERNEL=="ttyUSB0", GROUP="dialout"' in found.fix


def test_root_may_everything(host: Host) -> None:
    host.device("/dev/ttyUSB0", mode=0o000)
    assert all_well(host.find(ports.check, daemon=user(uid=0)))


@pytest.mark.parametrize(
    ("name", "unit", "fix"),
    [
        ("minicom", "", "kill 77"),
        ("nut", "nut-server", "sudo systemctl stop nut-server"),
        ("agetty", "", "sudo systemctl disable --now serial-getty@ttyUSB0"),
        ("ModemManager", "ModemManager", "sudo systemctl stop ModemManager"),
    ],
)
def test_a_held_port_names_who(host: Host, name: str, unit: str, fix: str) -> None:
    host.proc(77, name, holds="/dev/ttyUSB0", unit=unit)
    found = the_one(host.find(ports.check), Level.FAIL)
    assert f"held by {name} (pid 77)" in found.text
    assert found.fix == fix


@pytest.mark.parametrize(("name", "unit"), [("chiplink", ""), ("python3", "chiplink")])
def test_the_bridge_itself_may_hold_it(host: Host, name: str, unit: str) -> None:
    host.proc(77, name, holds="/dev/ttyUSB0", unit=unit)
    found = host.find(ports.check)
    assert all_well(found)
    assert "in use by the bridge" in found[0].text


@pytest.mark.parametrize("folder", ["/etc/systemd/system", "/run/systemd/generator"])
def test_a_login_console(host: Host, folder: str) -> None:
    unit = "serial-getty@ttyUSB0.service"
    host.link(f"{folder}/getty.target.wants/{unit}", "/lib/systemd/system/serial-getty@.service")
    found = the_one(host.find(consoles.check_getty), Level.FAIL)
    assert found.fix == f"sudo systemctl mask --now {unit}"
    host.link(f"/etc/systemd/system/{unit}", "/dev/null")
    assert all_well(host.find(consoles.check_getty))


def test_a_kernel_console(host: Host) -> None:
    host.device("/dev/ttyS0")
    host.configure("/dev/ttyS0")
    host.file("/proc/cmdline", "console=ttyS0,115200 root=/dev/sda1")
    found = the_one(host.find(consoles.check_kernel), Level.FAIL)
    assert "console=ttyS0" in found.text
    assert "GRUB" in found.fix


@pytest.mark.parametrize("console", ["serial0", "ttyAMA0"])
def test_a_kernel_console_on_a_pi_by_any_name(host: Host, console: str) -> None:
    host.pi()
    host.device("/dev/ttyAMA0")
    host.link("/dev/serial0", "ttyAMA0")
    host.configure("/dev/serial0")
    host.file("/proc/cmdline", f"console={console},115200 console=tty1")
    found = the_one(host.find(consoles.check_kernel), Level.FAIL)
    assert found.fix.startswith("sudo raspi-config nonint do_serial_cons 1")


def test_another_ports_console_is_none_of_ours(host: Host) -> None:
    host.file("/proc/cmdline", "console=ttyS0,115200")
    host.link("/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service", "/x")
    assert all_well(host.find(consoles.check_kernel))
    assert all_well(host.find(consoles.check_getty))


def test_modem_manager_does_not_run(host: Host) -> None:
    assert all_well(host.find(modem_manager.check))


def test_modem_manager_and_an_adapter(host: Host) -> None:
    host.proc(50, "ModemManager")
    host.file("/sys/class/tty/ttyUSB0/dev", "188:0\n")
    host.file("/run/udev/data/c188:0", "E:ID_VENDOR_ID=1a86\nE:ID_MODEL_ID=7523\n")
    found = the_one(host.find(modem_manager.check), Level.WARN)
    assert 'ATTRS{idVendor}=="1a86", ATTRS{idProduct}=="7523"' in found.fix
    assert 'ENV{ID_MM_PORT_IGNORE}="1"' in found.fix


def test_modem_manager_and_a_port_that_udev_does_not_know(host: Host) -> None:
    host.proc(50, "ModemManager")
    found = the_one(host.find(modem_manager.check), Level.WARN)
    assert 'KERNEL=="ttyUSB0"' in found.fix


@pytest.mark.parametrize("key", ["ID_MM_PORT_IGNORE", "ID_MM_DEVICE_IGNORE"])
def test_modem_manager_that_was_told(host: Host, key: str) -> None:
    host.proc(50, "ModemManager")
    host.file("/sys/class/tty/ttyUSB0/dev", "188:0\n")
    host.file("/run/udev/data/c188:0", f"E:{key}=1\n")
    assert all_well(host.find(modem_manager.check))


def test_the_uart_is_off(host: Host) -> None:
    host.pi("# enable_uart=1\nenable_uart=0\n")
    host.configure("/dev/serial0")
    found = the_one(host.find(raspberry.check), Level.FAIL)
    assert found.fix.startswith("sudo raspi-config nonint do_serial_hw 0")


def test_the_uart_is_there_by_chance(host: Host) -> None:
    host.pi("")
    host.file("/boot/config.txt", "arm_boost=1\n")
    host.device("/dev/serial0")
    host.configure("/dev/serial0")
    found = the_one(host.find(raspberry.check), Level.WARN)
    assert "/boot/config.txt" in found.text


@pytest.mark.parametrize("line", ["enable_uart = 1 # on\n", "[pi5]\ndtparam=uart0=on\n"])
def test_the_uart_is_on(host: Host, line: str) -> None:
    host.pi(line)
    host.device("/dev/ttyS0")
    host.link("/dev/serial0", "ttyS0")
    host.configure("/dev/serial0")
    found = host.find(raspberry.check)
    assert found
    assert all_well(found)


def test_bluetooth_has_the_uart(host: Host) -> None:
    host.pi()
    host.device("/dev/ttyAMA0")
    host.link("/dev/serial1", "ttyAMA0")
    host.configure("/dev/ttyAMA0")
    found = the_one(host.find(raspberry.check), Level.FAIL)
    assert "Bluetooth" in found.text
    assert "dtoverlay=disable-bt" in found.fix


def test_bluetooth_in_the_kernel_has_the_uart(host: Host) -> None:
    host.pi()
    host.file("/sys/bus/serial/devices/serial0-0/bluetooth/hci0/name")
    host.configure("/dev/ttyAMA0")
    assert "Bluetooth" in the_one(host.find(raspberry.check), Level.FAIL).text


def test_a_pis_usb_port_and_a_uart_elsewhere_are_no_matter(host: Host) -> None:
    host.pi("")
    assert host.find(raspberry.check) == []
    host.configure("/dev/ttyS0")
    host.at("/proc/device-tree/model").unlink()
    assert host.find(raspberry.check) == []


SPI = "spi:///dev/spidev0.0?speed=8000000&int=gpiochip0:25"


def test_spi_is_on(host: Host) -> None:
    host.configure(SPI)
    host.device("/dev/spidev0.0")
    host.device("/dev/gpiochip0")
    found = host.find(spi.check)
    assert found
    assert all_well(found)


def test_no_spi_no_word(host: Host) -> None:
    assert host.find(spi.check) == []


def test_spi_is_off(host: Host) -> None:
    host.configure(SPI)
    assert "dtparam=spi=on" in the_one(host.find(spi.check), Level.FAIL).fix
    host.pi()
    found = the_one(host.find(spi.check), Level.FAIL)
    assert found.fix.startswith("sudo raspi-config nonint do_spi 0")
    assert "/boot/firmware/config.txt has no dtparam=spi=on" in found.text


def test_spi_is_on_in_the_file_alone(host: Host) -> None:
    host.configure("spi:///dev/spidev0.0")
    host.pi("dtparam=spi=on\n")
    assert the_one(host.find(spi.check), Level.FAIL).fix.startswith("restart")


def test_buffers_that_are_too_small(host: Host) -> None:
    host.configure("spi:///dev/spidev0.0")
    host.device("/dev/spidev0.0")
    host.file(spi.BUFSIZ, "4096\n")
    assert all_well(host.find(spi.check))
    host.file(spi.BUFSIZ, "1024\n")
    found = the_one(host.find(spi.check), Level.FAIL)
    assert "1024 bytes; 2048 are needed" in found.text
    assert "/boot/firmware/cmdline.txt" in found.fix


def test_int_without_gpiod(host: Host) -> None:
    host.configure("serial:///dev/ttyUSB0?int=gpiochip0:25")
    host.device("/dev/gpiochip0")
    assert host.find(spi.check) == []
    found = the_one(host.find(spi.check, has_gpiod=False), Level.FAIL)
    assert found.fix == f"pip --python {sys.executable} install 'gpiod>=2.1'"


def test_int_on_a_chip_that_is_not_there(host: Host) -> None:
    host.configure("serial:///dev/ttyUSB0?int=/dev/gpiochip4:25")
    found = the_one(host.find(spi.check), Level.FAIL)
    assert found.text == "device.kvm.port: /dev/gpiochip4 is not there"


def test_another_spi_device(host: Host) -> None:
    host.configure(SPI)
    host.device("/dev/spidev1.0")
    assert "/dev/spidev1.0" in the_one(host.find(spi.check), Level.FAIL).fix


@pytest.mark.parametrize(
    ("forbidden", "group"), [("/dev/spidev0.0", "spi"), ("/dev/gpiochip0", "gpio")]
)
def test_the_groups_of_spi_and_gpio(host: Host, forbidden: str, group: str) -> None:
    host.configure(SPI)
    for path in ("/dev/spidev0.0", "/dev/gpiochip0"):
        host.device(path, mode=0o660 if path == forbidden else 0o666)
    found = the_one(host.find(spi.check, group_name=lambda _gid: group), Level.FAIL)
    assert f"usermod -aG {group} bridge" in found.fix


def test_no_gpio_chip(host: Host) -> None:
    host.configure(SPI)
    host.device("/dev/spidev0.0")
    assert "gpiochip0" in the_one(host.find(spi.check), Level.FAIL).text


def test_no_check_opens_a_port(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = os.open

    def note(path: object, *arguments: object, **more: object) -> int:
        opened.append(str(path))
        return real(path, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", note)
    host.configure("/dev/ttyUSB0")
    for check in (ports.check, consoles.check_getty, modem_manager.check, raspberry.check):
        host.find(check)
    assert not [path for path in opened if "/dev/" in path]
