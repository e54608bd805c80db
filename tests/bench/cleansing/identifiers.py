#!/usr/bin/env python3
"""How well `courtyard detect --json` finds identifiers, by kind and by layout.

    tests/bench/cleansing/identifiers.py [--seed N] [--each N] [--binary build/courtyard] [--misses]

Every identifier is made here, by the wording of its standard, and shares neither code nor tables
with the detector: check digits are searched for by trial or computed by other formulas. Each is set
into sentences in several layouts: beside a word that names it, glued between Chinese characters,
full-width, spaced, split by a line break. Decoys (orders, parcels, lots, amounts, times, drugs,
books, versions, serial numbers, phone-like digits in longer runs) stand in sentences of their own
and beside the identifiers. Then real text is searched for what should not be there.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time

HAN = "患者张小姐李女士王大夫今天昨天下午来院反馈信息登记核对资料系统显示本人家属朋友同事请及时联系处理谢谢"
SURE = {"id", "uscc", "card", "vin", "imei"}  # kinds with a check digit


def digits(rng, count):
    return "".join(rng.choice("0123456789") for _ in range(count))


def pick(rng, *values):
    return rng.choice(values)


# ---- identifiers ---------------------------------------------------------------------------------

REGIONS = """110101 110105 120103 130102 130403 140105 150102 210203 220104 230103 310104 310115 320106
320583 330106 330326 340111 350102 350583 360103 370202 370781 410105 411123 420106 420984 430104 430525
440106 440304 440524 450103 460105 500103 500231 510104 510722 511123 520103 530102 540102 610104 620102
630103 640104 650102 653125 659001 110103 110104 510202 512301 132201 422322 433101 622301""".split()


def make_date(rng, first=1925, last=2020):
    year, month = rng.randint(first, last), rng.randint(1, 12)
    return year, month, rng.randint(1, 28)


def make_id(rng):
    body = rng.choice(REGIONS) + "%04d%02d%02d" % make_date(rng) + digits(rng, 3)
    for last in "0123456789X":  # ISO 7064: the weighted sum of all places is 1 modulo 11
        total = 0
        for place, sign in enumerate(body + last):
            total += (10 if sign == "X" else int(sign)) * pow(2, 17 - place, 11)
        if total % 11 == 1:
            return body + last


def make_permit_id(rng):
    body = pick(rng, "810000", "820000", "830000") + "%04d%02d%02d" % make_date(rng) + digits(rng, 3)
    return finish_id(body)


def make_foreign_id(rng):
    body = "9" + pick(rng, "11", "31", "44", "33") + digits(rng, 3) + "%04d%02d%02d" % make_date(rng) + digits(rng, 3)
    return finish_id(body)


def finish_id(body):
    for last in "0123456789X":
        if sum((10 if s == "X" else int(s)) * pow(2, 17 - i, 11) for i, s in enumerate(body + last)) % 11 == 1:
            return body + last


def make_old_id(rng):
    return rng.choice(REGIONS) + "%02d%02d%02d" % ((rng.randint(20, 84),) + make_date(rng)[1:]) + digits(rng, 3)


def luhn(body):
    for last in "0123456789":
        total = 0
        for place, sign in enumerate(reversed(body + last)):
            value = int(sign)
            if place % 2:
                value = sum(divmod(value * 2, 10))
            total += value
        if total % 10 == 0:
            return body + last


def make_card(rng):
    start, size = pick(rng, ("622202", 19), ("621700", 19), ("622848", 19), ("621226", 19), ("622588", 16),
                       ("625912", 16), ("436742", 16), ("411111", 16), ("524094", 16), ("955880", 19),
                       ("601382", 19), ("620522", 19), ("356885", 16))
    return luhn(start + digits(rng, size - len(start) - 1))


USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def make_organisation(rng):
    body = "".join(rng.choice("0123456789") for _ in range(8))
    if rng.random() < .5:
        body = "MA" + "".join(rng.choice(USCC) for _ in range(6))
    for last in "0123456789X":
        value = lambda s: int(s, 36)
        total = sum(value(s) * w for s, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2)))
        if (total + (10 if last == "X" else int(last))) % 11 == 0:
            return body + last


def make_uscc(rng):
    body = pick(rng, "91", "92", "93", "12", "51", "52", "11", "54") + rng.choice(REGIONS) + make_organisation(rng)
    for last in USCC:
        if sum(USCC.index(s) * pow(3, i, 31) for i, s in enumerate(body)) % 31 + USCC.index(last) in (0, 31):
            return body + last


VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9)))


def make_vin(rng):
    signs = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    body = list(pick(rng, "LSV", "LFV", "LHG", "LGB", "LVS", "LDC", "WBA", "1HG", "JTD") +
                "".join(rng.choice(signs) for _ in range(5)) + "0" + rng.choice("ABCDEFGHJKLMNPR") +
                rng.choice(signs) + digits(rng, 6))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum((VIN_VALUES[s] if s in VIN_VALUES else int(s)) * w for s, w in zip(body, weights))
    body[8] = "X" if total % 11 == 10 else str(total % 11)
    return "".join(body)


def make_mobile(rng):
    return pick(rng, "13", "15", "17", "18", "19", "16", "14") + digits(rng, 9)


def make_landline(rng):
    local = lambda count: rng.choice("2345678") + digits(rng, count - 1)
    area = pick(rng, "010", "021", "020", "0571", "0755", "0312", "0871", "0991", "023")
    count = 8 if len(area) == 3 else rng.choice((7, 8))
    number = local(count)
    return pick(rng, f"{area}-{number}", f"({area}){number}", f"（{area}）{number}", f"{area}{number}",
                f"{area} {number}", f"{area}-{number[:4]}-{number[4:]}", f"{area}-{number}-{rng.randint(100, 8999)}",
                f"{area}-{number}转{rng.randint(100, 8999)}", f"+86-{area[1:]}-{number}", f"+86 {area[1:]} {number}",
                f"0086-{area[1:]}-{number}", f"{area}—{number}", f"({area}){number[:4]}-{number[4:]}",
                "400-%s-%s" % (digits(rng, 3), digits(rng, 4)), "400%s" % digits(rng, 7),
                "800-%s-%s" % (digits(rng, 3), digits(rng, 4)), f"{area}-{number} ext. {rng.randint(100, 999)}")


def make_passport(rng):
    return pick(rng, "E" + digits(rng, 8), "E" + rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") + digits(rng, 7),
                "G" + digits(rng, 8), "D" + digits(rng, 7), "DE" + digits(rng, 7), "SE" + digits(rng, 7),
                "PE" + digits(rng, 7), "P" + digits(rng, 7), "S" + digits(rng, 7))


def make_permit(rng):
    return pick(rng, "H" + digits(rng, 8), "M" + digits(rng, 8), "H" + digits(rng, 10), "M" + digits(rng, 10),
                "C" + digits(rng, 8), "C" + rng.choice("ABDEFGHJKL") + digits(rng, 7), "W" + digits(rng, 8),
                rng.choice("123456789") + digits(rng, 7))


PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


def make_plate(rng):
    city = rng.choice("ABCDEFGHJK")
    five = digits(rng, 3) + rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") + digits(rng, 1)
    dot = pick(rng, "", "", "·", "-", " ", "•")
    place = rng.choice(PROVINCES)
    return pick(rng, f"{place}{city}{dot}{digits(rng, 5)}", f"{place}{city}{dot}{five}",
                f"{place}{city}{dot}D{digits(rng, 5)}", f"{place}{city}{dot}F{digits(rng, 5)}",
                f"{place}{city}{dot}{digits(rng, 5)}D", f"{place}{city}{dot}{digits(rng, 4)}挂",
                f"{place}{city}{dot}{digits(rng, 4)}学", f"{place}{city}{dot}{digits(rng, 4)}警",
                f"粤Z{dot}{digits(rng, 4)}港", f"粤Z{dot}{digits(rng, 4)}澳", f"使{digits(rng, 6)}",
                f"WJ{place}{digits(rng, 5)}", f"{place}{city}{dot}{rng.choice('ABCDEFGH')}{rng.choice('ABCDEFGH')}{digits(rng, 3)}")


def make_officer(rng):
    return pick(rng, f"军字第{digits(rng, 7)}号", f"南字第{digits(rng, 8)}号", f"士字第{digits(rng, 7)}号",
                f"沈字第{digits(rng, 7)}号", f"武字第{digits(rng, 8)}号", f"政字第{digits(rng, 7)}号")


def make_mail(rng):
    name = pick(rng, "zhang.san", "li_si", "wangwu88", "a.b-c", "13812345678", "test+box") + str(rng.randint(1, 999))
    return name + "@" + pick(rng, "qq.com", "163.com", "example.com.cn", "pku.edu.cn", "foo-bar.org", "mail.gov.cn")


def make_url(rng):
    host = pick(rng, "example.com", "www.a-b.com.cn", "192.168.1.10", "10.0.0.8:8080", "sub.domain.org:443")
    path = pick(rng, "", "/", "/a/b.html", "/x?y=1&z=2", "/p#top", "/文"[:1] + "path/1")
    return pick(rng, "http://", "https://", "ftp://") + host + path if rng.random() < .85 else "www.example.com" + path


def make_ip(rng):
    if rng.random() < .3:
        return pick(rng, "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "fe80::1ff:fe23:4567:890a",
                    ":".join("%x" % rng.randint(0x1000, 0xFFFF) for _ in range(8)), "2408:8207:1850::%x" % rng.randint(16, 0xFFFF))
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def make_mac(rng):
    sign = pick(rng, ":", "-", ":")
    parts = ["%02x" % rng.randint(0, 255) for _ in range(6)]
    parts[0] = "a4"
    text = sign.join(parts) if rng.random() < .85 else ".".join("".join(parts[i:i + 2]) for i in (0, 2, 4))
    return text.upper() if rng.random() < .6 else text


def make_imei(rng):
    return luhn(pick(rng, "35", "86", "86", "35", "01") + digits(rng, 12))


def make_birth(rng):
    year, month, day = make_date(rng)
    return pick(rng, f"{year}年{month}月{day}日", f"{year}-{month:02}-{day:02}", f"{year}/{month}/{day}",
                f"{year}.{month:02}.{day:02}", f"{year}{month:02}{day:02}")


def make_age(rng):
    return pick(rng, f"{rng.randint(90, 110)}岁", f"{rng.randint(90, 105)}周岁", f"{rng.randint(90, 105)} 岁")


def make_coordinates(rng):
    latitude, longitude = rng.uniform(20, 50), rng.uniform(75, 130)
    dms = lambda v: "%d°%d′%d″" % (v, v * 60 % 60, v * 3600 % 60)
    return pick(rng, "%.6f,%.6f" % (longitude, latitude), "%.5f, %.5f" % (latitude, longitude),
                "%.4f，%.4f" % (latitude, longitude), "东经%s，北纬%s" % (dms(longitude), dms(latitude)),
                "北纬%s，东经%s" % (dms(latitude), dms(longitude)), "%sN %sE" % (dms(latitude), dms(longitude)))


KINDS = {
    # kind: maker, words before it, words behind it, can it stand without a word, layouts
    "id": (lambda r: pick(r, make_id, make_id, make_id, make_permit_id, make_foreign_id)(r),
           ["身份证号：", "身份证", "证件号码：", "公民身份号码 ", "ID: ", "身份证号码为", "居民身份证（"], True),
    "id15": (make_old_id, ["身份证号：", "旧身份证号", "身份证号码："], False),
    "card": (make_card, ["银行卡号：", "卡号", "账号：", "储蓄卡 ", "工行卡号是", "Card: "], True),
    "uscc": (make_uscc, ["统一社会信用代码：", "信用代码", "税号：", "社会信用代码为"], True),
    "orgcode": (lambda r: (lambda c: c[:8] + "-" + c[8])(make_organisation(r)), ["组织机构代码：", "机构代码"], False),
    "vin": (make_vin, ["车架号：", "VIN：", "车辆识别代号", "VIN码 "], True),
    "imei": (make_imei, ["IMEI：", "手机串号：", "IMEI ", "设备识别码"], False),
    "mobile": (make_mobile, ["电话：", "手机号", "联系电话:", "tel:", "Tel ", "手机号码为", "请拨打", "联系方式："], True),
    "landline": (make_landline, ["电话：", "座机", "联系电话：", "固话", "Tel: ", "服务热线", "传真："], False),
    "passport": (make_passport, ["护照号：", "护照", "护照号码 ", "Passport No. ", "持护照"], False),
    "permit": (make_permit, ["通行证号：", "港澳居民来往内地通行证", "台胞证号：", "往来港澳通行证号码：", "回乡证 "], False),
    "plate": (make_plate, ["车牌号：", "车牌", "号牌", "驾驶", "一辆"], True),
    "officer": (make_officer, ["军官证：", "军官证号", "持军官证", "士兵证号："], True),
    "insurance": (lambda r: pick(r, digits(r, 10), "A" + digits(r, 9), digits(r, 12)),
                  ["医保号：", "医保卡号", "社保号：", "医保编号 ", "社会保障卡号：", "医疗保险号："], False),
    "mrn": (lambda r: pick(r, digits(r, 8), "ZY" + digits(r, 9), "MZ" + digits(r, 8), digits(r, 10), "00" + digits(r, 6)),
            ["住院号：", "门诊号", "病案号：", "病历号 ", "就诊号：", "登记号：", "检查号：", "住院号为", "MRN: ",
             "Medical Record No. ", "Patient ID: "], False),
    "wechat": (lambda r: pick(r, "wx_" + digits(r, 6), "zhang_san" + digits(r, 2), "abc-" + digits(r, 4), "wxid_" + "a1b2c3" + digits(r, 4), "lisi" + digits(r, 4)),
               ["微信号：", "微信：", "微信号", "WeChat: ", "加微信", "vx：", "微信ID："], False),
    "qq": (lambda r: rng_nonzero(r) + digits(r, r.randint(5, 9)), ["QQ：", "QQ号", "qq:", "QQ ", "加QQ", "QQ号码：", "扣扣"], False),
    "email": (make_mail, ["邮箱：", "Email: ", "电子邮箱", "发到"], True),
    "url": (make_url, ["网址：", "见", "链接 ", "请访问"], True),
    "ip": (make_ip, ["IP：", "IP地址", "服务器地址：", "登录IP "], False),
    "mac": (make_mac, ["MAC：", "MAC地址 ", "物理地址："], True),
    "coordinates": (make_coordinates, ["坐标：", "经纬度：", "位置", "GPS: "], True),
    "birth": (make_birth, ["出生日期：", "生于", "生日：", "出生年月日：", "DOB: "], False),
    "age": (make_age, ["患者，男，", "年龄", "老人今年"], True),
}
TRUE_KIND = {"id15": "id", "orgcode": "uscc"}


def rng_nonzero(rng):
    return rng.choice("123456789")


# ---- layouts -------------------------------------------------------------------------------------

def widen(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def grouped(rng, text, kind):
    sign = pick(rng, " ", "-", " ", "　", "  ")
    if kind == "mobile":
        return sign.join((text[:3], text[3:7], text[7:]))
    if kind == "id" and len(text) == 18:
        cut = pick(rng, (6, 14), (6, 10, 14), (4, 8, 12, 16), (3, 6, 10, 14), tuple(range(1, 18)))
    elif kind in ("card", "uscc", "vin"):
        cut = pick(rng, tuple(range(4, len(text), 4)), tuple(range(4, len(text), 4)), tuple(range(1, len(text))))
        if kind == "vin":
            cut = pick(rng, (3, 9), cut, (3, 8, 9))
        if kind == "uscc":
            cut = pick(rng, (2, 8, 17), cut, (8,))
    elif kind == "imei":
        cut = pick(rng, (2, 8, 14), (6, 8, 14), tuple(range(1, 15)))
    elif kind == "id15":
        cut = (6, 12)
    else:
        cut = pick(rng, tuple(range(4, len(text), 4)), tuple(range(1, len(text))))
    parts, last = [], 0
    for place in cut:
        parts.append(text[last:place])
        last = place
    return sign.join(parts + [text[last:]])


def split(rng, text):
    place = rng.randint(2, len(text) - 2)
    return text[:place] + pick(rng, "\r", "\r", "\r  ", "\v", "\\n") + text[place:]


SPACED = ("id", "card", "uscc", "vin", "imei", "mobile", "id15", "qq", "insurance", "mrn", "passport")
SPLIT = ("id", "card", "uscc", "vin", "imei")


def han(rng, least, most):
    start = rng.randint(0, len(HAN) - most - 1)
    return HAN[start:start + rng.randint(least, most)]


def sentence(rng, kind, layout):
    maker, words, alone = KINDS[kind]
    value = maker(rng)
    word = rng.choice(words)
    if layout == "glued":
        word = "" if alone else word.rstrip(" ：:（")
        if word and word[-1].isascii() and kind in ("wechat", "mrn", "mac", "ip"):
            word += " "
    elif layout == "bare":
        word = ""
    elif layout == "wide":
        value = widen(value)
    elif layout == "spaced":
        value = grouped(rng, value, kind)
    elif layout == "split":
        value = split(rng, value)
    elif layout == "far":  # the word within 16 characters, but not beside it
        word = word.rstrip(" ：:（") + pick(rng, "经系统查询为", "一直没有换过，就是", "登记的那个是")
    before = han(rng, 2, 8) + word if layout != "bare" else pick(rng, "", han(rng, 2, 6) + "，")
    behind = han(rng, 2, 8) if layout in ("glued", "wide") else pick(rng, "，", "。", "", "；", "）") + han(rng, 0, 8)
    if not words or layout == "bare":
        behind = pick(rng, "", "。")
    text = before + value + behind
    return text, [(TRUE_KIND.get(kind, kind), len(before.encode()), len((before + value).encode()))]


def decoy(rng):
    stamp = "%04d%02d%02d%02d%02d%02d" % (make_date(rng, 2015, 2026) + (rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)))
    return pick(
        rng, "订单号：" + stamp + digits(rng, 4), "订单编号" + digits(rng, 18), "快递单号SF" + digits(rng, 13),
        "快递单号：" + digits(rng, 12), "运单号 YT" + digits(rng, 13), "批号" + stamp[:8] + "-" + digits(rng, 3),
        "生产批次：" + digits(rng, 11), "时间戳" + "16" + digits(rng, 8), "时间戳：16" + digits(rng, 11),
        "于" + stamp[:4] + "-" + stamp[4:6] + "-" + stamp[6:8] + " 12:30:45完成", "金额" + digits(rng, 6) + ".50元",
        "合计￥" + digits(rng, 8) + ".00", "发票号码：" + digits(rng, 8), "发票代码" + digits(rng, 12),
        "诊断编码 J18." + digits(rng, 3), "ICD-10：I25.103", "国药准字H2" + digits(rng, 7), "国药准字Z" + digits(rng, 8),
        "ISBN 978-7-" + digits(rng, 3) + "-" + digits(rng, 5) + "-" + digits(rng, 1), "ISBN:9787" + digits(rng, 9),
        "升级到版本 " + "%d.%d.%d.%d" % tuple(rng.randint(0, 30) for _ in range(4)), "固件v2.0.13." + digits(rng, 3),
        "序列号：" + pick(rng, "SN", "C02", "5CG") + digits(rng, 9), "产品编号A" + digits(rng, 9),
        "编码" + digits(rng, 2) + make_mobile(rng) + digits(rng, 3), "流水号：" + digits(rng, 20), "单号" + make_mobile(rng),
        "体温36.5℃，脉搏78次/分，血压120/80mmHg", "白细胞计数 6.52×10^9/L，血小板 " + digits(rng, 3),
        "人口1" + digits(rng, 10) + "人", "浏览量：" + digits(rng, 8), "播放" + digits(rng, 7) + "次", "邮编" + digits(rng, 6),
        "合同编号：HT-" + stamp[:8] + "-" + digits(rng, 4), "航班CA1234，座位12A", "房间号1203，床号 15", "学号：" + digits(rng, 10),
        "第3.2.1.4节", "比例尺1:50000", "身高175cm，体重70.5kg", "年龄：45岁，住院12天", "89岁老人", "2019年12月31日入院",
        "于2020年1月2日手术", "工号" + digits(rng, 6), "验证码 " + digits(rng, 6), "股票代码600519", "微信支付单号：" + digits(rng, 28),
        "交易号4200" + digits(rng, 24), "学校成立于1958年", "面积" + digits(rng, 5) + ".88平方米", "第12345期", "共计1234567890元",
        "MD5: " + "".join(rng.choice("0123456789abcdef") for _ in range(32)), "uuid 550e8400-e29b-41d4-a716-4466554400" + digits(rng, 2),
        "条形码690" + digits(rng, 10), "医疗器械注册证号：国械注准2017" + digits(rng, 7), "住院费用：" + digits(rng, 5) + ".32元",
        "门诊" + digits(rng, 2) + "楼", "经度与纬度未登记", "QQ音乐播放" + digits(rng, 6) + "次", "微信小程序", "比赛结果3:2", "C++11, std::vector<int>")


# ---- running -------------------------------------------------------------------------------------

# Names, addresses and institutions have an evaluation of their own.
IDENTIFIERS = ("id,mobile,card,email,uscc,landline,passport,permit,plate,officer,insurance,mrn,wechat,qq,url,ip,mac,"
               "imei,vin,coordinates,birth,age")


def command_of(binary):
    return [binary, "detect", "--json", "--kinds", IDENTIFIERS]


def detect(binary, lines):
    data = "".join(line + "\n" for line in lines).encode()
    out = subprocess.run(command_of(binary), input=data, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in out.decode().splitlines()]


def overlap(first, second):
    return min(first[2], second[2]) - max(first[1], second[1]) > 0.5 * (max(first[2], second[2]) - min(first[1], second[1]))


class Tally:
    def __init__(self):
        self.true = self.found = self.exact = 0


def evaluate(binary, each, seed, show):
    rng = random.Random(seed)
    jobs = []
    for kind in KINDS:
        layouts = ["word", "glued", "wide"]
        layouts += ["bare"] if KINDS[kind][2] else []
        layouts += ["spaced"] if kind in SPACED else []
        layouts += ["split"] if kind in SPLIT else []
        layouts += ["far"] if kind in ("qq", "mrn", "mobile", "card", "insurance", "passport", "wechat", "imei", "vin") else []
        for layout in layouts:
            for _ in range(each):
                text, truth = sentence(rng, kind, layout)
                if rng.random() < .3:
                    text = text + "，" + decoy(rng)
                jobs.append((kind, layout, text, truth))
    for _ in range(each * 20):
        jobs.append(("decoy", "-", pick(rng, "", han(rng, 2, 6)) + decoy(rng) + pick(rng, "", "。", "，" + han(rng, 2, 6)), []))
    answers = detect(binary, [job[2] for job in jobs])
    tallies, wrong, hits, misses = {}, {}, {}, []
    for (kind, layout, text, truth), found in zip(jobs, answers):
        spans = [(hit["kind"], hit["start"], hit["end"]) for hit in found
                 if hit["kind"] not in ("name", "address", "organisation")]
        tally = tallies.setdefault((kind, layout), Tally())
        for true in truth:
            tally.true += 1
            matched = [span for span in spans if span[0] == true[0] and overlap(span, true)]
            tally.found += bool(matched)
            tally.exact += any(span[1:] == true[1:] for span in matched)
            if not matched:
                misses.append((kind, layout, text, spans))
        for span in spans:
            hits[span[0]] = hits.get(span[0], 0) + 1
            if not any(span[0] == true[0] and overlap(span, true) for true in truth):
                wrong[span[0]] = wrong.get(span[0], 0) + 1
                misses.append(("WRONG " + kind, layout, text, [span, text.encode()[span[1]:span[2]].decode(errors="replace")]))
    report(tallies, hits, wrong)
    shown = {}
    for miss in misses:
        shown[miss[:2]] = shown.get(miss[:2], 0) + 1
        if shown[miss[:2]] <= show:
            print(*[repr(part) for part in miss])
    return tallies, hits, wrong


def report(tallies, hits, wrong):
    print(f"{'kind':<12} {'layout':<7} {'n':>6} {'recall':>7} {'exact':>7}")
    for (kind, layout), tally in tallies.items():
        if tally.true:
            print(f"{kind:<12} {layout:<7} {tally.true:>6} {tally.found / tally.true:>7.4f} {tally.exact / tally.true:>7.4f}")
    print(f"\n{'kind':<12} {'hits':>7} {'wrong':>6} {'precision':>9}")
    for kind in sorted(hits):
        print(f"{kind:<12} {hits[kind]:>7} {wrong.get(kind, 0):>6} {1 - wrong.get(kind, 0) / hits[kind]:>9.4f}")


REAL = ["text/cmrc2018_dev.json", "text/cold_offensive_train.csv", "text/hotel_reviews.csv", "text/takeaway_reviews.csv",
        "text/news_titles.txt", "text/wikitext2_valid.txt", "text/zuozhuan_traditional.txt", "text/thuocl_medical.txt",
        "names_places/cluener_train.jsonl", "names_places/dist__streets.csv", "drug/tox21.csv"]


def real_text(binary, show):
    folder = os.environ.get("COURTYARD_DATA", "../shared/data")
    total, counts = 0, {}
    for name in REAL:
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            print(f"skipped: {path} is not there")
            continue
        with open(path, "rb") as file:
            data = file.read()
        total += len(data)
        out = subprocess.run(command_of(binary), input=data, stdout=subprocess.PIPE, check=True).stdout
        for line in out.decode().splitlines():
            for hit in json.loads(line):
                counts.setdefault(hit["kind"], []).append(hit["text"])
    print(f"\nreal text, {total / 1e6:.1f} MB: hits (most are real: read them with --misses)")
    for kind, texts in sorted(counts.items()):
        if kind not in ("name", "address", "organisation"):
            print(f"{kind:<12} {len(texts):>5}  {len(texts) / total * 1e6:>7.3f} per MB", texts[:show] if show else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--each", type=int, default=300)
    parser.add_argument("--binary", default="build/courtyard")
    parser.add_argument("--misses", type=int, default=0)
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.each} of each kind and layout")
    evaluate(options.binary, options.each, options.seed, options.misses)
    real_text(options.binary, options.misses)


if __name__ == "__main__":
    sys.exit(main())
