; How XLA calls a kernel, see call.py. A template: words behind a dollar sign are numbers.

; next item, done items, next slot, holders, batch, items; inputs, output, scratch; interface, future;
; done items of each group
%job = type { i64, i64, i64, i64, i64, i64, ptr, ptr, ptr, ptr, ptr, ptr, [$groups x i64] }

declare void @before(ptr, ptr, ptr, ptr, i64)
declare void @prepare(ptr)
declare void @item(ptr, ptr, ptr, ptr, ptr, i64, i64)
declare void @end_group(ptr, ptr, ptr, ptr, i64, i64)
declare ptr @malloc(i64)
declare void @free(ptr)

@no_memory = private constant [40 x i8] c"no memory is left for a kernel of bnjax\00"

; The pointer in a struct, so many bytes behind its start.
define internal ptr @pointer_at(ptr %struct, i64 %bytes) alwaysinline {
  %place = getelementptr i8, ptr %struct, i64 %bytes
  %pointer = load ptr, ptr %place
  ret ptr %pointer
}

; The XLA_FFI_Buffer of an argument or result, by its number.
define internal ptr @buffer(ptr %list, i64 %number) alwaysinline {
  %bytes = mul i64 %number, 8
  %buffer = call ptr @pointer_at(ptr %list, i64 %bytes)
  ret ptr %buffer
}

define internal ptr @data(ptr %list, i64 %number) alwaysinline {
  %buffer = call ptr @buffer(ptr %list, i64 %number)
  %data = call ptr @pointer_at(ptr %buffer, i64 24)
  ret ptr %data
}

define internal void @destroy_error(ptr %api, ptr %error) {
  %request = alloca [3 x i64]
  %error_at = getelementptr i64, ptr %request, i64 2
  %extension_at = getelementptr i64, ptr %request, i64 1
  store i64 24, ptr %request
  store ptr null, ptr %extension_at
  store ptr %error, ptr %error_at
  %destroy = call ptr @pointer_at(ptr %api, i64 64)
  call void %destroy(ptr %request)
  ret void
}

; A future that XLA waits for; null where it cannot be had.
define internal ptr @make_future(ptr %api) {
  %request = alloca [3 x i64]
  %future_at = getelementptr i64, ptr %request, i64 2
  %extension_at = getelementptr i64, ptr %request, i64 1
  store i64 24, ptr %request
  store ptr null, ptr %extension_at
  store ptr null, ptr %future_at
  %create = call ptr @pointer_at(ptr %api, i64 152)
  %error = call ptr %create(ptr %request)
  %failed = icmp ne ptr %error, null
  br i1 %failed, label %none, label %made
none:
  call void @destroy_error(ptr %api, ptr %error)
  ret ptr null
made:
  %future = load ptr, ptr %future_at
  ret ptr %future
}

define internal void @complete_future(ptr %job) {
  %api_at = getelementptr %job, ptr %job, i64 0, i32 10
  %future_at = getelementptr %job, ptr %job, i64 0, i32 11
  %api = load ptr, ptr %api_at
  %future = load ptr, ptr %future_at
  %asked = icmp ne ptr %future, null
  br i1 %asked, label %complete, label %end
complete:
  %request = alloca [3 x i64]
  %extension_at = getelementptr i64, ptr %request, i64 1
  %what_at = getelementptr i64, ptr %request, i64 2
  store i64 24, ptr %request
  store ptr null, ptr %extension_at
  store ptr %future, ptr %what_at
  %set = call ptr @pointer_at(ptr %api, i64 160)
  %error = call ptr %set(ptr %request)
  %failed = icmp ne ptr %error, null
  br i1 %failed, label %refused, label %end
refused:
  call void @destroy_error(ptr %api, ptr %error)
  br label %end
end:
  ret void
}

; What each thread runs: items, until none is left; the last one out frees the job.
define internal void @work(ptr %job) {
entry:
  %next_at = getelementptr %job, ptr %job, i64 0, i32 0
  %done_at = getelementptr %job, ptr %job, i64 0, i32 1
  %slot_at = getelementptr %job, ptr %job, i64 0, i32 2
  %holders_at = getelementptr %job, ptr %job, i64 0, i32 3
  %batch_at = getelementptr %job, ptr %job, i64 0, i32 4
  %items_at = getelementptr %job, ptr %job, i64 0, i32 5
  %in0_at = getelementptr %job, ptr %job, i64 0, i32 6
  %in1_at = getelementptr %job, ptr %job, i64 0, i32 7
  %out_at = getelementptr %job, ptr %job, i64 0, i32 8
  %scratch_at = getelementptr %job, ptr %job, i64 0, i32 9
  %batch = load i64, ptr %batch_at
  %items = load i64, ptr %items_at
  %in0 = load ptr, ptr %in0_at
  %in1 = load ptr, ptr %in1_at
  %out = load ptr, ptr %out_at
  %scratch = load ptr, ptr %scratch_at
  %first = atomicrmw add ptr %next_at, i64 1 acq_rel
  %any = icmp slt i64 %first, %items
  br i1 %any, label %begin, label %leave
begin:
  %slot = atomicrmw add ptr %slot_at, i64 1 acq_rel
  %skipped = mul i64 %slot, $own
  %own_at = add i64 %skipped, $shared
  %own = getelementptr float, ptr %scratch, i64 %own_at
  call void @prepare(ptr %own)
  br label %one
one:
  %i = phi i64 [ %first, %begin ], [ %following, %counted ]
  call void @item(ptr %in0, ptr %in1, ptr %out, ptr %scratch, ptr %own, i64 %i, i64 %batch)
  %group = sdiv i64 %i, $members
  %group_at = getelementptr %job, ptr %job, i64 0, i32 12, i64 %group
  %before = atomicrmw add ptr %group_at, i64 1 acq_rel
  %whole = icmp eq i64 %before, sub (i64 $members, i64 1)
  br i1 %whole, label %end_group, label %count
end_group:
  call void @end_group(ptr %in0, ptr %in1, ptr %out, ptr %scratch, i64 %group, i64 %batch)
  br label %count
count:
  %others = atomicrmw add ptr %done_at, i64 1 acq_rel
  %done = add i64 %others, 1
  %last = icmp eq i64 %done, %items
  br i1 %last, label %complete, label %counted
counted:
  %following = atomicrmw add ptr %next_at, i64 1 acq_rel
  %more = icmp slt i64 %following, %items
  br i1 %more, label %one, label %leave
complete:
  call void @complete_future(ptr %job)
  br label %leave
leave:
  %held = atomicrmw sub ptr %holders_at, i64 1 acq_rel
  %alone = icmp eq i64 %held, 1
  br i1 %alone, label %release, label %end
release:
  call void @free(ptr %job)
  ret void
end:
  ret void
}

; Asks XLA's thread pool for so many helpers.
define internal void @ask_for_helpers(ptr %api, ptr %context, ptr %job, i64 %helpers) {
entry:
  %holders_at = getelementptr %job, ptr %job, i64 0, i32 3
  %request = alloca [5 x i64]
  %extension_at = getelementptr i64, ptr %request, i64 1
  %context_at = getelementptr i64, ptr %request, i64 2
  %task_at = getelementptr i64, ptr %request, i64 3
  %data_at = getelementptr i64, ptr %request, i64 4
  %schedule = call ptr @pointer_at(ptr %api, i64 136)
  br label %ask
ask:
  %asked = phi i64 [ 1, %entry ], [ %asked_next, %given ]
  store i64 40, ptr %request
  store ptr null, ptr %extension_at
  store ptr %context, ptr %context_at
  store ptr @work, ptr %task_at
  store ptr %job, ptr %data_at
  %held = atomicrmw add ptr %holders_at, i64 1 acq_rel
  %error = call ptr %schedule(ptr %request)
  %failed = icmp ne ptr %error, null
  br i1 %failed, label %refused, label %given
refused:
  call void @destroy_error(ptr %api, ptr %error)
  %back = atomicrmw sub ptr %holders_at, i64 1 acq_rel
  br label %end
given:
  %asked_next = add i64 %asked, 1
  %enough = icmp sgt i64 %asked_next, %helpers
  br i1 %enough, label %end, label %ask
end:
  ret void
}

define internal ptr @compute(ptr %frame, ptr %api) {
entry:
  %context = call ptr @pointer_at(ptr %frame, i64 24)
  %arguments = call ptr @pointer_at(ptr %frame, i64 72)
  %results = call ptr @pointer_at(ptr %frame, i64 112)
  %in0 = call ptr @data(ptr %arguments, i64 0)
  %in1 = call ptr @data(ptr %arguments, i64 1)
  %out = call ptr @data(ptr %results, i64 0)
  %scratch = call ptr @data(ptr %results, i64 1)
  %in0_buffer = call ptr @buffer(ptr %arguments, i64 0)
  %sides = call ptr @pointer_at(ptr %in0_buffer, i64 40)
  %batch = load i64, ptr %sides
  %of_images = mul i64 %batch, $per_image
  %items = add i64 %of_images, $fixed
  %job = call ptr @malloc(i64 $job_bytes)
  %no_job = icmp eq ptr %job, null
  br i1 %no_job, label %no_memory, label %fill
no_memory:
  %request = alloca [4 x i64]
  %extension_at = getelementptr i64, ptr %request, i64 1
  %message_at = getelementptr i64, ptr %request, i64 2
  %code_at = getelementptr i64, ptr %request, i64 3
  store i64 32, ptr %request
  store ptr null, ptr %extension_at
  store ptr @no_memory, ptr %message_at
  store i64 8, ptr %code_at
  %create_error = call ptr @pointer_at(ptr %api, i64 48)
  %error = call ptr %create_error(ptr %request)
  ret ptr %error
fill:
  call void @before(ptr %in0, ptr %in1, ptr %out, ptr %scratch, i64 %batch)
  call void @llvm.memset.p0.i64(ptr %job, i8 0, i64 $job_bytes, i1 false)
  %holders_at = getelementptr %job, ptr %job, i64 0, i32 3
  %batch_at = getelementptr %job, ptr %job, i64 0, i32 4
  %items_at = getelementptr %job, ptr %job, i64 0, i32 5
  %in0_at = getelementptr %job, ptr %job, i64 0, i32 6
  %in1_at = getelementptr %job, ptr %job, i64 0, i32 7
  %out_at = getelementptr %job, ptr %job, i64 0, i32 8
  %scratch_at = getelementptr %job, ptr %job, i64 0, i32 9
  %api_at = getelementptr %job, ptr %job, i64 0, i32 10
  %future_at = getelementptr %job, ptr %job, i64 0, i32 11
  store i64 1, ptr %holders_at
  store i64 %batch, ptr %batch_at
  store i64 %items, ptr %items_at
  store ptr %in0, ptr %in0_at
  store ptr %in1, ptr %in1_at
  store ptr %out, ptr %out_at
  store ptr %scratch, ptr %scratch_at
  store ptr %api, ptr %api_at
  %few = call i64 @llvm.smin.i64(i64 %items, i64 $slots)
  %sums = mul i64 %batch, $sums
  %worth = sdiv i64 %sums, $sums_of_a_thread
  %spare = sub i64 %few, 1
  %helpers = call i64 @llvm.smin.i64(i64 %spare, i64 %worth)
  %any = icmp sgt i64 %helpers, 0
  br i1 %any, label %with_helpers, label %own_part
with_helpers:
  %future = call ptr @make_future(ptr %api)
  %no_future = icmp eq ptr %future, null
  br i1 %no_future, label %own_part, label %share
share:
  store ptr %future, ptr %future_at
  %frame_future_at = getelementptr i8, ptr %frame, i64 168
  store ptr %future, ptr %frame_future_at
  call void @ask_for_helpers(ptr %api, ptr %context, ptr %job, i64 %helpers)
  br label %own_part
own_part:
  call void @work(ptr %job)
  ret ptr null
}

; Before the first call XLA asks for the version of the interface that this code was written for.
define ptr @handler(ptr %frame) {
entry:
  %extension = call ptr @pointer_at(ptr %frame, i64 8)
  %api = call ptr @pointer_at(ptr %frame, i64 16)
  %extended = icmp ne ptr %extension, null
  br i1 %extended, label %asked, label %run
asked:
  %kind_at = getelementptr i8, ptr %extension, i64 8
  %kind = load i32, ptr %kind_at
  %is_metadata = icmp eq i32 %kind, 1
  br i1 %is_metadata, label %answer, label %run
answer:
  %metadata = call ptr @pointer_at(ptr %extension, i64 24)
  %major_at = getelementptr i8, ptr %metadata, i64 24
  %minor_at = getelementptr i8, ptr %metadata, i64 28
  %traits_at = getelementptr i8, ptr %metadata, i64 32
  %state_at = getelementptr i8, ptr %metadata, i64 40
  store i32 $major, ptr %major_at
  store i32 $minor, ptr %minor_at
  store i32 0, ptr %traits_at
  store i64 0, ptr %state_at
  ret ptr null
run:
  %result = call ptr @compute(ptr %frame, ptr %api)
  ret ptr %result
}

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.smin.i64(i64, i64)
