// The console's pages as a person meets them: keys go in, the grid is read, requests come out; in
// both languages and on screens of many sizes.
#include "appliance/console/dialog_private.h"

#include <arpa/inet.h>

#include "appliance/console/font_private.h"
#include "base/text.h"
#include "check.h"
#include "support/console_texts.h"
#include "support/console_world.h"

// ---- what is shown ------------------------------------------------------------------------------
static void home_says_how_to_reach_the_box(void) {
    world_begin("en", 80, 24);
    shows("https://192.168.1.10/");
    shows("https://10.0.0.7/");
    shows("0B30 557A 9FC4 E90E 3358 7DA2 C7EC 1136 ");
    shows("K7QF-2M9X");
    shows("410 GB of 500 GB free");
    shows("45 °C");
    shows("2026-11-27 09:29 UTC+8");
    shows("version 1.2.3, slot A");
    CHECK_EQ(dialog.scroll_most, 0); // nothing is left out on an ordinary terminal
    view.port = 8443;
    shows("https://192.168.1.10:8443/");
    view.address_count = 0;
    shows("None yet");
    view.cable = false;
    shows("No network cable is connected");
    view.service.code[0] = '\0';
    hides("Set-up code");
    world_begin("zh-CN", 80, 24);
    shows("合院 Courtyard 1.2.3");
    shows("初始设置码");
    shows("正常，可用 410 GB，共 500 GB");
    CHECK_EQ(dialog.scroll_most, 0);
}

static void home_says_what_is_wrong_with_the_network(void) {
    static const struct {
        const char *language, *code, *text, *hint;
    } cases[] = {
        {"en", "appliance.net_duplicate_address", "Another machine uses the address 10.0.0.7",
         "Set another address"},
        {"en", "appliance.net_no_dhcp", "No server gave an address", "169.254."},
        {"zh-CN", "appliance.net_no_cable", "未插网线", "请将网线"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int addresses = 0; addresses < 2; addresses++) {
            world_begin(cases[i].language, 80, 30);
            view.address_count = addresses;
            view.network_fault = (struct fault){.detail = "10.0.0.7"};
            snprintf(view.network_fault.code, sizeof view.network_fault.code, "%s", cases[i].code);
            if (i == 0) snprintf(view.network_card, sizeof view.network_card, "eth1");
            shows(cases[i].text);
            shows(cases[i].hint);
            if (i == 0) shows("eth1: Another");
            if (addresses) shows("https://192.168.1.10/");
            hides("None yet");
        }
    }
}

static void home_says_what_is_wrong(void) {
    world_begin("en", 80, 24);
    view.service.state = SERVICE_WAITING;
    snprintf(view.service.fault, sizeof view.service.fault, "appliance.data_no_disk");
    shows("it ended unexpectedly");
    shows("can no longer be read");
    view.disk_free_bytes = 1000000000;
    shows("nearly full: 1.0 GB of 500 GB free");
    view.data = DATA_BROKEN;
    view.data_fault = (struct fault){.code = "appliance.data_damaged", .detail = "sda5"};
    shows("data partition sda5 is damaged");
    shows("Start anew once"); // and what to do
    view.data = DATA_MOUNTED;
    view.work = (struct console_work){CONSOLE_BACKUP, "phase.copy", 25, 100, true};
    shows("Back up to a USB stick");
    shows("25 %");
}

static void a_database_that_cannot_be_opened_is_told_with_the_code(void) {
    world_begin("en", 80, 24);
    snprintf(view.service.fault, sizeof view.service.fault, "store.damaged");
    shows("The database is damaged");
    shows("An earlier copy can take its place");
    shows("Restore code");
    shows("K7QF-2M9X");
    hides("Set-up code");
    hides("running");
    CHECK_EQ(dialog.scroll_most, 0);
    view.data = DATA_BROKEN; // told once, where the partition is
    view.data_fault = (struct fault){.code = "appliance.data_damaged", .detail = "sda5"};
    snprintf(view.service.fault, sizeof view.service.fault, "appliance.data_damaged");
    view.service.code[0] = '\0';
    shows("data partition sda5 is damaged");
    hides("data partition  is damaged");
    hides("Restore code");
}

static const struct console_pack two_packs[] = {
    {.name = "amd-gpu 6.1", .mounted = true},
    {.name = "nvidia 550.90.07",
     .fault = {.code = "appliance.pack_other_signer", .detail = "K7QF 2M9X"}}};

static void home_shows_packs_and_why_one_is_refused(void) {
    world_begin("en", 80, 24);
    hides("Driver libraries"); // there are none
    memcpy(view.packs, two_packs, sizeof two_packs);
    view.pack_count = 1;
    shows("  Driver libraries  amd-gpu 6.1: mounted, read-only");
    hides("not mounted");
    CHECK_EQ(dialog.scroll_most, 0); // one fits on an ordinary terminal
    world_begin("en", 80, 40);
    memcpy(view.packs, two_packs, sizeof two_packs);
    view.pack_count = 2;
    shows("amd-gpu 6.1: mounted, read-only");
    shows("nvidia 550.90.07: not mounted");
    shows("signed by K7QF 2M9X, not by whom");
    shows("Memory            14.0 GB of"); // what follows has its own line
    world_begin("zh-CN", 80, 40);
    memcpy(view.packs, two_packs, sizeof two_packs);
    view.pack_count = 2;
    shows("驱动库            amd-gpu 6.1: 已挂载，只读");
    shows("nvidia 550.90.07: 未挂载");
    shows("驱动库包由 K7QF 2M9X 签名");
    view.packs[1] = (struct console_pack){
        .name = "x-1.pack", .fault = {.code = "appliance.pack_damaged", .detail = "x-1.pack"}};
    shows("x-1.pack: 未挂载");
    shows("驱动库包“x-1.pack”已损坏，请重新添加");
}

static void every_page_is_whole_at_every_size(void) {
    static const int sizes[][2] = {{80, 24}, {160, 45}, {40, 12}, {64, 20},
                                   {24, 6},  {23, 5},   {1, 1}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (int i = 0; i < 2 * CONSOLE_DO_COUNT * PAGE_COUNT; i++) {
            world_begin(i % 2 ? "en" : "zh-CN", sizes[s][0], sizes[s][1]);
            dialog.what = (enum console_do)(i / 2 % CONSOLE_DO_COUNT);
            dialog.page = (enum page)(i / 2 / CONSOLE_DO_COUNT);
            dialog.encryption = (enum encryption)(i / 2 % ENCRYPTION_COUNT);
            bool asks = dialog.what >= CONSOLE_UPDATE && dialog.what <= CONSOLE_POWER_OFF;
            if (dialog.page == PAGE_CONFIRM && !asks) continue;
            view.data = (enum data_state)(i / 2 % DATA_STATES);
            view.encrypted = i / 2 % 2;
            view.roles = (unsigned)i / 2 % 16;
            view.choosing = (enum encryption)(i / 2 % ENCRYPTION_COUNT);
            snprintf(view.recovery, sizeof view.recovery, "k7qf-2m9x-abcd-efgh-ijkm-npqr");
            bool told = i % 3 == 0 || view.data == DATA_BROKEN;
            if (told) view.data_fault = (struct fault){.code = "appliance.wrong_key"};
            dialog.fixed = dialog.tried = true;
            dialog.outcome_of = dialog.what;
            view.work.what = dialog.page == PAGE_WORK ? CONSOLE_BACKUP : CONSOLE_NOTHING;
            view.work.total = 3;
            memcpy(view.packs, two_packs, sizeof two_packs);
            view.pack_count = i / 2 % 3;
            (void)screen();
            for (int row = 0; row < grid.rows; row++) {
                for (int column = 0; column < grid.columns; column++) {
                    const struct cell *cell = grid_cell(&grid, row, column);
                    bool half = column + 1 < grid.columns && cell[1].columns == 0;
                    CHECK_EQ(cell->columns == 2, half);
                    CHECK(cell->character != '{' && cell->character != '}');
                    CHECK(cell->columns == 0 || font_columns(cell->character) == cell->columns);
                }
            }
        }
    }
    CHECK_EQ(console_texts_missing(), 0);
}

static void a_small_screen_scrolls(void) {
    world_begin("zh-CN", 40, 12);
    shows("192.168.1.10");
    CHECK(dialog.scroll_most > 5);
    hides("槽位");
    shows("向下键"); // that there is more
    for (int i = 0; i < 200; i++) press(KEY_DOWN), (void)screen();
    CHECK_EQ(dialog.scroll, dialog.scroll_most);
    shows("槽位");
    press(KEY_ENTER);
    for (int i = 0; i < 9; i++) press(KEY_DOWN);
    shows("关机"); // the chosen line is always seen
    world_begin("en", 20, 4);
    shows("screen is too");
}

static void long_text_wraps_between_words(void) {
    struct pen pen = {.grid = &grid, .left = 2, .column = 2, .right = 12};
    world_begin("en", 20, 8);
    grid_clear(&grid);
    pen_write(&pen, INK_TEXT, STR("one two three\nfour incomprehensible"));
    static const char *const rows[] = {"  one two ", "  three", "  four", "  incomprehe",
                                       "  nsible"};
    for (int row = 0; row < 5; row++) {
        for (size_t i = 0; i < strlen(rows[row]); i++) {
            CHECK_EQ(grid_cell(&grid, row, (int)i)->character, rows[row][i]);
        }
    }
    grid_clear(&grid);
    pen = (struct pen){.grid = &grid, .right = 8};
    pen_write(&pen, INK_TEXT, STR("网络设置，已保存"));
    CHECK_EQ(grid_cell(&grid, 0, 4)->character, 0x8BBE); // 设
    CHECK_EQ(grid_cell(&grid, 0, 6)->character, ' ');    // 置 goes with its comma
    CHECK_EQ(grid_cell(&grid, 1, 0)->character, 0x7F6E);
    CHECK_EQ(grid_cell(&grid, 1, 2)->character, 0xFF0C);
}

static void half_a_character_never_stays(void) {
    world_begin("en", 20, 8);
    grid_clear(&grid);
    grid_put(&grid, 0, 4, INK_TEXT, 0x7F6E);
    grid_put(&grid, 0, 5, INK_TEXT, 'x');
    CHECK_EQ(grid_cell(&grid, 0, 4)->character, ' ');
    CHECK_EQ(grid_cell(&grid, 0, 4)->columns, 1);
    grid_put(&grid, 0, 4, INK_TEXT, 0x7F6E);
    grid_put(&grid, 0, 3, INK_TEXT, 0x7F6E);
    CHECK_EQ(grid_cell(&grid, 0, 5)->character, ' ');
    CHECK_EQ(grid_cell(&grid, 0, 5)->columns, 1);
    grid_put(&grid, 0, 19, INK_TEXT, 0x7F6E); // no room for both halves
    CHECK_EQ(grid_cell(&grid, 0, 19)->character, ' ');
}

// ---- what is asked ------------------------------------------------------------------------------
static void a_fixed_address_is_asked_for(void) {
    char text[INET_ADDRSTRLEN];
    world_begin("zh-CN", 80, 24);
    press(KEY_ENTER);
    type("1");
    shows("自动获取");
    press(KEY_RIGHT);
    shows("固定地址");
    press(KEY_DOWN);
    type("192.168.x");
    shows("192.168. ");        // letters are not taken
    shows("地址形如 192.168"); // told as it is typed
    type("5.20");
    hides("地址形如");
    press(KEY_ENTER);
    press(KEY_ENTER); // 24 stands there already
    type("192.168.6.1");
    shows("同一网络");
    press(KEY_ENTER);
    CHECK_EQ(dialog.item, 3); // goes no further
    erase();
    type("192.168.5.1");
    press(KEY_ENTER);
    CHECK_EQ(requests, 0);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_EQ(request.what, CONSOLE_NETWORK);
    CHECK(request.settings.fixed);
    CHECK_EQ(request.settings.prefix, 24);
    CHECK_STR(inet_ntop(AF_INET, &request.settings.address, text, sizeof text), "192.168.5.20");
    CHECK_STR(inet_ntop(AF_INET, &request.settings.gateway, text, sizeof text), "192.168.5.1");
    CHECK_STR(request.settings.hostname, "courtyard");
    dialog_outcome(&dialog, CONSOLE_NETWORK, NULL);
    shows("网络设置已保存");
    press(KEY_ENTER);
    CHECK_EQ(dialog.page, PAGE_HOME);
}

static void wrong_addresses_are_not_sent(void) {
    static const char *const wrong[][3] = {
        {"", "24", ""},
        {"10.0.0", "8", ""},
        {"10.0.0.256", "8", ""},
        {"10.0.0.5", "0", ""},
        {"10.0.0.5", "31", ""},
        {"10.0.0.5", "", ""},
        {"10.0.0.0", "24", ""},
        {"10.0.0.255", "24", ""},
        {"127.0.0.1", "8", ""},
        {"224.0.0.1", "8", ""},
        {"10.0.0.5", "24", "10.0.1.1"},
        {"10.0.0.5", "24", "10.0.0.5"},
        {"10.0.0.5", "24", "10.0.0.255"},
        {"10.0.0.5", "24", "1"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        world_begin("en", 80, 24);
        press('m');
        press('1');
        press(' ');
        for (int item = 0; item < 3; item++) {
            press(KEY_TAB);
            erase();
            type(wrong[i][item]);
        }
        press(KEY_TAB);
        press(KEY_ENTER);
        check_that(requests == 0, __FILE__, __LINE__, "sent: %zu", i);
        CHECK(dialog.item >= 1 && dialog.item <= 3); // stands where it is wrong
        const char *sentence = dialog_wrong(&dialog, &view, dialog.item);
        REQUIRE(sentence);
        shows(console_texts()->text("en", sentence));
    }
    world_begin("en", 80, 24);
    view.settings.fixed = true;
    view.settings.prefix = 24;
    press('m');
    press('1');
    press(KEY_LEFT); // back to DHCP: nothing else is asked
    press(KEY_DOWN);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK(!request.settings.fixed);
}

static void the_time_is_set_in_local_time(void) {
    world_begin("en", 80, 24);
    press('m');
    press('2');
    shows("2026-11-27");
    shows("09:29");
    erase();
    type("2024-02-30");
    press(KEY_ENTER);
    shows("A date looks like");
    CHECK_EQ(dialog.item, 0);
    erase();
    type("2024-02-29");
    press(KEY_ENTER);
    erase();
    type("24:00");
    press(KEY_ENTER);
    shows("A time looks like");
    erase();
    type("07:05");
    press(KEY_ENTER);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_EQ(request.what, CONSOLE_TIME);
    CHECK_EQ(request.time_ms, 1709161500000); // 2024-02-28T23:05:00Z
}

static void languages_change_at_once(void) {
    world_begin("zh-CN", 80, 24);
    press('L');
    CHECK_EQ(request.what, CONSOLE_LANGUAGE);
    CHECK_STR(request.settings.language, "en");
    shows("Set-up code");
    press(KEY_ENTER);
    press('3');
    press(KEY_UP);
    press(KEY_ENTER);
    CHECK_EQ(requests, 2);
    CHECK_STR(request.settings.language, "zh-CN");
    shows("恢复出厂设置");
}

static void installing_takes_the_name_of_the_disk(void) {
    world_begin("en", 80, 24);
    press('m');
    press('7');
    shows("nvme0n1  WDC PC SN530  512 GB  holds data");
    shows("sdc  ST2000  2.0 TB  empty");
    hides("SanDisk"); // where the system runs from
    hides("Kingston");
    press(KEY_DOWN);
    press(KEY_UP);
    press(KEY_ENTER);
    shows("Is the data to be encrypted?");
    press('2');
    shows("Everything on this disk is erased");
    shows("With a passphrase");
    shows("type: nvme0n1");
    type("sdc");
    press(KEY_ENTER);
    press(KEY_DOWN);
    press(KEY_ENTER);
    CHECK_EQ(requests, 0);
    shows("not yet the word");
    erase();
    type("nvme0n1");
    press(KEY_ENTER);
    struct console_disk gone = view.disks[1];
    view.disks[1] = view.disks[3];
    press(KEY_ENTER);
    CHECK_EQ(requests, 0); // pulled out meanwhile
    shows("no longer there");
    view.disks[1] = gone;
    press(KEY_DOWN);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_EQ(request.what, CONSOLE_INSTALL);
    CHECK_STR(request.disk, "nvme0n1");
    CHECK_EQ(request.encryption, ENCRYPTION_PASSPHRASE);
}

static void a_new_disk_does_not_move_the_choice(void) {
    world_begin("en", 80, 24);
    press('m');
    press('7');
    press(KEY_DOWN);
    CHECK_STR(dialog.disk, "sdc");
    memmove(view.disks + 1, view.disks, 4 * sizeof view.disks[0]);
    view.disks[0] = (struct console_disk){.name = "vda", .bytes = 1};
    view.disk_count = 5;
    press(KEY_ENTER);
    CHECK_STR(dialog.disk, "sdc");
    press(KEY_ENTER);
    shows("type: sdc");
}

static void sticks_are_for_updates_and_backups(void) {
    static const enum console_do what[] = {CONSOLE_UPDATE, CONSOLE_BACKUP, CONSOLE_RESTORE};
    for (int i = 0; i < 3; i++) {
        world_begin("zh-CN", 80, 24);
        press('m');
        press('4' + i);
        shows("sdb  Kingston  64.0 GB");
        hides("nvme0n1");
        press('1');
        shows("Kingston");
        if (i == 2) type("restore"), press(KEY_ENTER);
        press(KEY_ENTER);
        CHECK_EQ(requests, 1);
        CHECK_EQ(request.what, what[i]);
        CHECK_STR(request.disk, "sdb");
        CHECK_EQ(dialog.page, PAGE_WORK);
    }
    view.disk_count = 1;
    world_begin("en", 80, 24);
    view.disk_count = 1;
    press('m');
    press('4');
    shows("No USB stick was found");
    press(KEY_ENTER);
    CHECK_EQ(dialog.page, PAGE_DISK);
}

static void copies_are_for_restoring(void) {
    static const struct console_copy copy = {.name = "nightly-20261126", .bytes = 2000000};
    for (int i = 0; i < 3; i++) {
        world_begin("en", 80, 24);
        view.copies[view.copy_count++] = copy;
        press('m');
        press('4' + i);
        if (i < 2) {
            hides("nightly");
            continue;
        }
        shows("copy of its database");
        shows("nightly-20261126  2.0 MB");
        press(KEY_END);
        press(KEY_ENTER);
        shows("goes back to this copy");
        view.copy_count = 0; // removed meanwhile
        type("restore"), press(KEY_ENTER);
        press(KEY_ENTER);
        CHECK_EQ(requests, 0);
        shows("no longer there");
        view.copy_count = 1;
        press(KEY_DOWN);
        press(KEY_ENTER);
        CHECK_EQ(requests, 1);
        CHECK_EQ(request.what, CONSOLE_RESTORE);
        CHECK_STR(request.copy, "nightly-20261126");
        CHECK_STR(request.disk, "");
    }
}

static void a_stick_after_a_copy_is_the_stick(void) {
    world_begin("en", 80, 24);
    view.copies[view.copy_count++] = (struct console_copy){"sdb", 1}; // not to be taken for it
    press('m');
    press('6');
    press(KEY_END);
    CHECK_STR(dialog.copy, "sdb");
    press(KEY_HOME);
    press(KEY_ENTER);
    shows("Kingston");
    hides("goes back to this copy");
    type("restore"), press(KEY_ENTER);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_STR(request.disk, "sdb");
    CHECK_STR(request.copy, "");
}

static void a_factory_reset_is_typed(void) {
    world_begin("en", 80, 24);
    press('m');
    view.settings.encryption = ENCRYPTION_STICK;
    press('8');
    press(KEY_ENTER); // as courtyard.txt says
    shows("With a key on a second USB stick");
    type("eras");
    press(KEY_DOWN);
    press(KEY_ENTER);
    CHECK_EQ(requests, 0);
    CHECK_EQ(dialog.item, 0);
    type("e");
    press(KEY_ENTER);
    press(KEY_ENTER);
    CHECK_EQ(requests, 1);
    CHECK_EQ(request.what, CONSOLE_FACTORY_RESET);
    CHECK_EQ(request.encryption, ENCRYPTION_STICK);
}

static void an_older_update_wants_its_word(void) {
    for (int older = 0; older < 2; older++) {
        world_begin("en", 80, 24);
        snprintf(view.disks[2].update, sizeof view.disks[2].update, older ? "0.9.0" : "2.0.0");
        view.disks[2].older = older;
        press('m');
        press('4');
        press(KEY_ENTER);
        CHECK_EQ(dialog.page, PAGE_CONFIRM);
        shows(older ? "On it: version 0.9.0" : "On it: version 2.0.0");
        if (older) {
            shows("older than the version that runs");
            shows("downgrade");
            press(KEY_ENTER); // nothing has been typed
            type("down"), press(KEY_TAB), press(KEY_ENTER);
            CHECK_EQ(requests, 0);
            shows("not yet the word");
            type("grade"), press(KEY_ENTER);
        } else {
            hides("older than");
        }
        press(KEY_ENTER);
        CHECK_EQ(requests, 1);
        CHECK_EQ(request.what, CONSOLE_UPDATE);
        CHECK_EQ(request.downgrade, older);
    }
    // Another stick, or another wish: no such word, and nothing older is wanted.
    world_begin("en", 80, 24);
    view.disks[2].older = true;
    press('m');
    press('5');
    press(KEY_ENTER);
    press(KEY_ENTER);
    CHECK_EQ(request.what, CONSOLE_BACKUP);
    CHECK(!request.downgrade);
}

static void ending_is_confirmed(void) {
    for (int i = 0; i < 2; i++) {
        world_begin("en", 80, 24);
        press('m');
        press(i ? '0' : '9');
        CHECK_EQ(requests, 0);
        press(KEY_ESCAPE);
        CHECK_EQ(dialog.page, PAGE_MENU);
        press(KEY_ENTER); // the menu stands where it was
        press(KEY_ENTER);
        CHECK_EQ(requests, 1);
        CHECK_EQ(request.what, i ? CONSOLE_POWER_OFF : CONSOLE_RESTART);
    }
}

static void work_is_seen_left_and_stopped(void) {
    world_begin("en", 80, 24);
    press('m');
    press('5');
    press('1');
    press(KEY_ENTER);
    REQUIRE(requests == 1);
    view.work = (struct console_work){CONSOLE_BACKUP, "phase.copy", 1, 4, false};
    shows("25 %");
    press('c');
    CHECK_EQ(requests, 1); // not now
    view.work.stoppable = true;
    shows("C: stop it");
    press('c');
    CHECK_EQ(requests, 2);
    CHECK_EQ(request.what, CONSOLE_CANCEL);
    press(KEY_ESCAPE);
    CHECK_EQ(dialog.page, PAGE_HOME);
    press('m');
    press('8'); // one work at a time: what runs is shown
    CHECK_EQ(dialog.page, PAGE_WORK);
    press(KEY_ESCAPE);
    press('m');
    press('1');
    struct fault fault = {.code = "appliance.disk_write", .detail = "sdb"};
    view.work.what = CONSOLE_NOTHING;
    dialog_outcome(&dialog, CONSOLE_BACKUP, &fault);
    CHECK_EQ(dialog.page, PAGE_NETWORK); // who types is not interrupted
    press(KEY_ESCAPE);
    shows("Writing to the disk \"sdb\" failed");
    shows("then try again");
    press(KEY_ENTER);
    CHECK_EQ(dialog.page, PAGE_HOME);
}

static void any_keys_keep_it_whole(void) {
    world_begin("en", 60, 18);
    view.data_fault = (struct fault){.code = "appliance.wrong_key"};
    for (int i = 0; i < 20000; i++) {
        int key = check_below(3) ? 0x100 + (int)check_below(12) : 0x20 + (int)check_below(0x5F);
        press(key);
        if (check_below(50) == 0)
            dialog_outcome(&dialog, (enum console_do)check_below(CONSOLE_DO_COUNT), NULL);
        if (check_below(20) == 0) view.disk_count = (int)check_below(5);
        if (check_below(20) == 0) view.copy_count = (int)check_below(CONSOLE_COPIES_MAX + 1);
        if (check_below(50) == 0) view.data = (enum data_state)check_below(DATA_STATES);
        if (check_below(50) == 0) view.encrypted = check_below(2);
        if (check_below(50) == 0) view.recovery[0] = check_below(4) ? '\0' : 'x';
        if (check_below(50) == 0) view.choosing = (enum encryption)check_below(3);
        dialog_follow(&dialog, &view);
        if (check_below(20) == 0) view.work.what = (enum console_do)(check_below(2) * 5);
        if (i % 16 == 0) (void)screen();
        CHECK(strlen(dialog.typed[0]) < ITEM_BYTES && dialog.chosen >= 0 && dialog.chosen < 11);
    }
    CHECK(requests > 10);
    CHECK_EQ(console_texts_missing(), 0);
}

int main(void) {
    CHECK_RUN(home_says_how_to_reach_the_box);
    CHECK_RUN(home_says_what_is_wrong);
    CHECK_RUN(home_says_what_is_wrong_with_the_network);
    CHECK_RUN(a_database_that_cannot_be_opened_is_told_with_the_code);
    CHECK_RUN(home_shows_packs_and_why_one_is_refused);
    CHECK_RUN(every_page_is_whole_at_every_size);
    CHECK_RUN(a_small_screen_scrolls);
    CHECK_RUN(long_text_wraps_between_words);
    CHECK_RUN(half_a_character_never_stays);
    CHECK_RUN(a_fixed_address_is_asked_for);
    CHECK_RUN(wrong_addresses_are_not_sent);
    CHECK_RUN(the_time_is_set_in_local_time);
    CHECK_RUN(languages_change_at_once);
    CHECK_RUN(installing_takes_the_name_of_the_disk);
    CHECK_RUN(a_new_disk_does_not_move_the_choice);
    CHECK_RUN(sticks_are_for_updates_and_backups);
    CHECK_RUN(copies_are_for_restoring);
    CHECK_RUN(a_stick_after_a_copy_is_the_stick);
    CHECK_RUN(a_factory_reset_is_typed);
    CHECK_RUN(an_older_update_wants_its_word);
    CHECK_RUN(ending_is_confirmed);
    CHECK_RUN(work_is_seen_left_and_stopped);
    CHECK_RUN(any_keys_keep_it_whole);
    return check_done();
}
